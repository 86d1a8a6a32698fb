import type { Text } from "./shared-text.ts";

/**
 * Most bytes that a sink hands on as one piece, the size of an HTTP/2 frame. Who is given a piece
 * tells nothing before all of it is taken: in one of megabytes, a slow client's progress is lost.
 */
export const PIECE_BYTES = 16_384;

/**
 * Where frames go: one HTTP response, of whatever server. Adapters implement it; the core decides
 * what is written and when. A sink never throws for what a client does.
 */
export interface Sink {
  /**
   * `true` once the client can take bytes. A response that its server has not begun to read is not
   * kept alive.
   */
  readonly started: boolean;
  /** Bytes written and not yet taken by the operating system or the stream's reader. */
  readonly bufferedAmount: number;
  /** A number that changes whenever bytes are taken; compared for equality only. */
  readonly progress: number;

  /** Takes the owner and answers with the head. Called once, before anything else. */
  open(owner: SinkOwner, head: ResponseHead): void;
  /** Writes whole frames. Everything is taken: see `bufferedAmount`. */
  write(text: Text): void;
  /** Ends the response after what was written. The owner's `sinkClosed` follows, sooner or later. */
  end(): void;
  /** Breaks the response off, so that the client can tell, and drops what waits. */
  abort(error: Error): void;
}

/** What a sink tells its owner. */
export interface SinkOwner {
  /** Bytes were taken. */
  sinkDrained(): void;
  /**
   * The response is over: after `end()`, because everything was taken, or at any time, because the
   * client left. May be told more than once.
   *
   * @param clean whether everything was taken, if the sink knows better than its last drain
   */
  sinkClosed(clean?: boolean): void;
}

/** The head of the answer. */
export interface ResponseHead {
  /** 200 opens a stream, 204 tells an `EventSource` never to come back. */
  readonly status: 200 | 204;
  /** The application's headers. */
  readonly headers: Headers;
  /** The first bytes of the stream, which leave with the head; none if the response has no body. */
  readonly preamble: string;
  /** Bytes waiting below which the owner wants to hear of drains. */
  readonly highWaterMark: number;
}
