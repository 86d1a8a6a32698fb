import { createHeaders } from "../../core/headers.ts";
import type { ResponseHead, Sink, SinkOwner } from "../../core/sink.ts";

const encoder = new TextEncoder();

/** A sink whose other end is the body of a Fetch `Response`. */
export class BodySink implements Sink {
  progress = 0;
  /** The answer, once the sink is open. */
  response!: Response;

  /** Held although only its signal is used: undici's requests forward an abort while they live. */
  readonly #request: Request;
  #owner!: SinkOwner;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** What is in the stream before its first read, and is no event that anybody waits for. */
  #preambleBytes = 0;
  /** Whether the stream may hold something that was not read. */
  #isDirty = false;
  /** What ends the body once everything was read. */
  #failure: Error | undefined;

  /** @param request whose signal is aborted when the client leaves, on runtimes that tell so */
  constructor(request: Request) {
    this.#request = request;
  }

  get #signal(): AbortSignal | undefined {
    // Some frameworks' own classes of requests have none.
    return this.#request.signal;
  }

  /** Servers may take their time with the first read. */
  get started(): boolean {
    return this.#preambleBytes === 0;
  }

  get bufferedAmount(): number {
    // Of the high-water mark, 1 byte, the stream has left what it holds less.
    return this.#isDirty ? 1 - (this.#controller?.desiredSize ?? 1) - this.#preambleBytes : 0;
  }

  open(owner: SinkOwner, head: ResponseHead): void {
    const { status, preamble } = head;
    this.#owner = owner;
    const body = preamble === "" ? null : this.#createBody(preamble);
    this.response = new Response(body, { status, headers: createHeaders(head) });
    if (!body) return owner.sinkClosed(true);
    if (this.#signal?.aborted) return this.#leave();
    this.#signal?.addEventListener("abort", this.#leave);
  }

  write(text: string): void {
    this.#isDirty = true;
    this.#controller?.enqueue(encoder.encode(text));
  }

  byteLength(text: string): number {
    return encoder.encode(text).length;
  }

  end(error?: Error): void {
    // An error would overtake what the stream still holds.
    if (error && this.#isDirty) this.#failure = error;
    else this.#close(error);
  }

  abort(error: Error): void {
    this.#close(error);
  }

  #createBody(preamble: string): ReadableStream<Uint8Array> {
    const start = (controller: ReadableStreamDefaultController<Uint8Array>) => {
      this.#controller = controller;
      this.#preambleBytes = preamble.length;
      controller.enqueue(encoder.encode(preamble));
    };
    // Called when everything was read, and more is wanted.
    const pull = () => {
      this.progress++;
      this.#preambleBytes = 0;
      this.#isDirty = false;
      if (this.#failure) this.#close(this.#failure);
      else this.#owner.sinkDrained();
    };
    const strategy = new ByteLengthQueuingStrategy({ highWaterMark: 1 });
    return new ReadableStream({ start, pull, cancel: this.#leave }, strategy);
  }

  /** The client left, and somebody noticed: the reader, or who made the request. */
  readonly #leave = (): void => this.#close(undefined, !this.#isDirty);

  #close(error?: Error, clean = true): void {
    this.#signal?.removeEventListener("abort", this.#leave);
    try {
      if (error) this.#controller?.error(error);
      // What is left is the stream's now, which keeps it for a reader as long as there may be one.
      else this.#controller?.close();
    } catch {
      // The reader cancelled it.
    }
    this.#owner.sinkClosed(clean);
  }
}
