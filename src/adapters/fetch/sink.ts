import { encodeText } from "../../core/frame.ts";
import { createHeaders } from "../../core/headers.ts";
import { bytesOf, type Text } from "../../core/shared-text.ts";
import type { ResponseHead, Sink, SinkOwner } from "../../core/sink.ts";

/** A sink whose other end is the body of a Fetch `Response`. */
export class BodySink implements Sink {
  /** The answer, once the sink is open. */
  response!: Response;

  /** Held although only its signal is used: undici's requests forward an abort while they live. */
  readonly #request: Request;
  #owner!: SinkOwner;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #highWaterMark = 0;
  #written = 0;

  /** @param request whose signal is aborted when the client leaves, on runtimes that tell so */
  constructor(request: Request) {
    this.#request = request;
  }

  get #signal(): AbortSignal | undefined {
    // Some frameworks' own classes of requests have none.
    return this.#request.signal;
  }

  /** Whether the preamble, which stands before everything that was written, has been read. */
  get started(): boolean {
    return this.#queued <= this.#written;
  }

  get bufferedAmount(): number {
    return Math.min(this.#queued, this.#written);
  }

  get #queued(): number {
    return this.#highWaterMark - (this.#controller?.desiredSize ?? this.#highWaterMark);
  }

  get progress(): number {
    return this.#written - this.bufferedAmount;
  }

  open(owner: SinkOwner, head: ResponseHead): void {
    const { status, preamble } = head;
    this.#owner = owner;
    // Arithmetic with infinite sizes would tell nothing.
    this.#highWaterMark = Math.min(head.highWaterMark, 2 ** 40);
    const body = preamble && this.#createBody(preamble);
    this.response = new Response(body || null, { status, headers: createHeaders(head) });
    if (!body) return owner.sinkClosed();
    if (this.#signal?.aborted) return this.abort();
    this.#signal?.addEventListener("abort", this.#leave);
  }

  write(text: Text): void {
    // A reader may take the bytes away for good; what is shared has to stay for the others.
    const bytes = typeof text === "string" ? encodeText(text) : bytesOf(text).slice();
    this.#written += bytes.length;
    this.#controller?.enqueue(bytes);
  }

  end(): void {
    // What is left is the stream's now, which keeps it for a reader as long as there may be one.
    this.abort(undefined, true);
  }

  abort(error?: Error, clean?: boolean): void {
    this.#signal?.removeEventListener("abort", this.#leave);
    try {
      if (error) this.#controller?.error(error);
      else this.#controller?.close();
    } catch {
      // The reader cancelled it.
    }
    this.#owner.sinkClosed(clean);
  }

  #createBody(preamble: string): ReadableStream<Uint8Array> {
    const first = encodeText(preamble);
    return new ReadableStream(
      {
        type: undefined,
        start: (controller) => {
          this.#controller = controller;
          controller.enqueue(first);
        },
        // Called after reads, once less than the high-water mark waits.
        pull: () => this.#owner.sinkDrained(),
        cancel: this.#leave,
      },
      {
        highWaterMark: this.#highWaterMark,
        // The preamble is no event that anybody waits for.
        size: (chunk) => (chunk === first ? 1 : chunk.length),
      },
    );
  }

  /** The client left, and somebody noticed: the reader, or who made the request. */
  readonly #leave = (): void => this.abort();
}
