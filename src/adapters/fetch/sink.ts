import { CONTENT_TYPE, DEFAULT_HEADERS } from "../../core/headers.ts";
import type { ResponseHead, Sink, SinkOwner } from "../../core/sink.ts";

const encoder = new TextEncoder();

/**
 * A sink whose other end is the body of a Fetch `Response`. Bytes wait here, not in the stream's
 * own queue, until somebody reads: so they can be counted, and dropped.
 */
export class BodySink implements Sink {
  /** Whether the body has been read from. Servers may take their time with that. */
  started = false;
  progress = 0;
  bufferedAmount = 0;

  readonly #signal: AbortSignal | undefined;
  #owner: SinkOwner | undefined;
  #response: Response | undefined;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** Whether a read waits for bytes. */
  #isWanted = false;
  #chunks: Uint8Array[] = [];
  /** Not an event, so nobody waits for it and it does not count; it leaves with the first bytes. */
  #preamble = "";
  /** What ends the body once everything was read. */
  #failure: Error | undefined;

  /** @param signal the request's, which aborts when the client leaves, if the runtime says so */
  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  /** The answer, once it is open. */
  get response(): Response {
    return this.#response as Response;
  }

  open(owner: SinkOwner, { status, headers, preamble }: ResponseHead): void {
    this.#owner = owner;
    this.#preamble = preamble;
    const all = new Headers(status === 200 ? DEFAULT_HEADERS.map(([...pair]) => pair) : undefined);
    for (const [name, value] of headers) {
      if (name === "set-cookie") all.append(name, value);
      else all.set(name, value);
    }
    if (status === 200) all.set("Content-Type", CONTENT_TYPE);
    this.#response = new Response(preamble === "" ? null : this.#createBody(), {
      status,
      headers: all,
    });
    if (preamble === "") return owner.sinkClosed(true);
    if (this.#signal?.aborted) return this.#onAbort();
    this.#signal?.addEventListener("abort", this.#onAbort);
  }

  write(text: string): void {
    const bytes = encoder.encode(text);
    this.#chunks.push(bytes);
    this.bufferedAmount += bytes.length;
    if (this.#isWanted) this.#push();
  }

  byteLength(text: string): number {
    return encoder.encode(text).length;
  }

  end(error?: Error): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    if (error && this.bufferedAmount > 0) {
      // An error would overtake what the stream still holds: it has to wait for the next read.
      this.#failure = error;
      return;
    }
    if (error) this.#controller?.error(error);
    else {
      // The rest is the stream's now. It keeps it for a reader, as long as there is one.
      this.#push();
      this.#controller?.close();
    }
    this.#owner?.sinkClosed(true);
  }

  abort(error: Error): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#chunks = [];
    this.bufferedAmount = 0;
    this.#controller?.error(error);
  }

  #createBody(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          this.started = true;
          this.#isWanted = true;
          this.#push();
        },
        cancel: () => this.#onAbort(),
      },
      // Bytes are asked for when they are read, and not before.
      { highWaterMark: 0 },
    );
  }

  readonly #onAbort = (): void => {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    const clean = this.bufferedAmount === 0;
    // The reader may not know yet that nobody listens: without this, it would wait for ever.
    if (this.#controller?.desiredSize !== null) this.#closeQuietly();
    this.#owner?.sinkClosed(clean);
  };

  #closeQuietly(): void {
    try {
      this.#controller?.close();
    } catch {
      // It was cancelled, and so is closed already.
    }
  }

  /** Hands everything that waits to the reader. */
  #push(): void {
    if (this.#preamble === "" && this.#chunks.length === 0) return;
    const bytes = concat(encoder.encode(this.#preamble), this.#chunks);
    this.#preamble = "";
    this.#chunks = [];
    this.bufferedAmount = 0;
    this.#isWanted = false;
    this.progress++;
    this.#controller?.enqueue(bytes);
    if (this.#failure) {
      this.#controller?.error(this.#failure);
      this.#owner?.sinkClosed(true);
    } else {
      this.#owner?.sinkDrained();
    }
  }
}

function concat(first: Uint8Array, rest: readonly Uint8Array[]): Uint8Array {
  const length = rest.reduce((sum, bytes) => sum + bytes.length, first.length);
  const all = new Uint8Array(length);
  all.set(first);
  let offset = first.length;
  for (const bytes of rest) {
    all.set(bytes, offset);
    offset += bytes.length;
  }
  return all;
}
