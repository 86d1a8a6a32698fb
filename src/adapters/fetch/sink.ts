import { encodeText } from "../../core/frame.ts";
import { createHeaders } from "../../core/headers.ts";
import { bytesOf, type Text } from "../../core/shared-text.ts";
import { PIECE_BYTES, type ResponseHead, type Sink, type SinkOwner } from "../../core/sink.ts";

/** A sink whose other end is the body of a Fetch `Response`. */
export class BodySink implements Sink {
  /** The answer, once the sink is open. */
  response!: Response;

  /**
   * Held although only its signal is used: undici's requests forward an abort while they live. Some
   * frameworks' own classes of requests have none.
   */
  readonly #request: { readonly signal?: AbortSignal };
  #owner!: SinkOwner;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #highWaterMark = 0;
  #written = 0;

  /** @param request whose signal is aborted when the client leaves, on runtimes that tell so */
  constructor(request: Request) {
    this.#request = request;
  }

  /** Whether the preamble, which stands before everything that was written, has been read. */
  get started(): boolean {
    return this.#queued <= this.#written;
  }

  get bufferedAmount(): number {
    return Math.min(this.#queued, this.#written);
  }

  get #queued(): number {
    return this.#highWaterMark - (this.#controller.desiredSize ?? 0);
  }

  get progress(): number {
    return this.#written - this.bufferedAmount;
  }

  open(owner: SinkOwner, head: ResponseHead): void {
    this.#owner = owner;
    // Arithmetic with infinite sizes would tell nothing.
    this.#highWaterMark = Math.min(head.highWaterMark, 2 ** 40);
    const body = head.preamble ? this.#createBody(head.preamble) : null;
    this.response = new Response(body, { status: head.status, headers: createHeaders(head) });
    if (!body) return owner.sinkClosed();
    if (this.#request.signal?.aborted) return this.abort();
    this.#request.signal?.addEventListener("abort", this.#leave);
  }

  write(text: Text): void {
    const bytes = bytesOf(text);
    this.#written += bytes.length;
    // Copies, because who reads a piece may give its memory away, which others have as well.
    try {
      for (let start = 0; start < bytes.length;) {
        this.#controller.enqueue(bytes.slice(start, (start += PIECE_BYTES)));
      }
    } catch {
      // The reader cancelled it, which the owner is being told.
    }
  }

  end(): void {
    // What is left is the stream's now, which keeps it for a reader as long as there may be one.
    this.abort(undefined, true);
  }

  abort(error?: Error, clean?: boolean): void {
    this.#request.signal?.removeEventListener("abort", this.#leave);
    try {
      if (error) this.#controller.error(error);
      else this.#controller.close();
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
