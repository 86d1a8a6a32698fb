import type { Http2Stream } from "node:http2";
import type { Socket } from "node:net";
import { CONTENT_TYPE, DEFAULT_HEADERS } from "../../core/headers.ts";
import type { ResponseHead, Sink, SinkOwner } from "../../core/sink.ts";
import { findNativeWrite, isBare } from "./bare.ts";
import type { NodeResponse } from "./types.ts";

/** What tells the two protocols apart; both are there or not, depending on the response. */
interface Connection {
  readonly socket?: (Socket & { readonly server?: { listening: boolean } }) | null;
  readonly stream?: Http2Stream;
  flush?(): void;
}

/** RFC 9113, 7: the server is no longer interested in this stream. */
const HTTP2_CANCEL = 0x8;
/** A stream's flow control lets parts of this size through; only whole writes are acknowledged. */
const HTTP2_WRITE_BYTES = 16_384;

/** Finds the sink of a response, so that its listeners are functions which all sinks share. */
const SINK = Symbol("event-endpoint.sink");
type Response = NodeResponse & Connection & { [SINK]?: ResponseSink };

/** A sink over `(req, res)` of `node:http`, `node:https` and the compatibility API of `node:http2`. */
export class ResponseSink implements Sink {
  readonly started = true;

  readonly #res: Response;
  readonly #nativeWrite: unknown;
  #owner: SinkOwner | undefined;
  #taken = 0;
  /** Whether something that was written may not have been taken. */
  #isDirty = false;
  /** Whether to break the connection once everything is taken. */
  #breaksOff = false;

  constructor(response: NodeResponse) {
    this.#res = response;
    this.#nativeWrite = findNativeWrite(response);
  }

  get bufferedAmount(): number {
    return this.#res.writableLength;
  }

  get progress(): number {
    // Of the write that is under way the system may have taken a part; libuv knows.
    const handle = (this.#res.socket as { _handle?: { writeQueueSize?: number } } | null)?._handle;
    return this.#taken - (handle?.writeQueueSize ?? 0) / 2 ** 32;
  }

  open(owner: SinkOwner, { status, headers, preamble }: ResponseHead): void {
    const res = this.#res;
    this.#owner = owner;
    res[SINK] = this;
    // An aborted request has no listener of ours: only the response tells when it is over, because
    // a request is closed as soon as its body is consumed.
    res.on("close", onClose);
    // For the whole life of the response: an error without a listener ends the process.
    res.on("error", onError);
    if (isGone(res)) return owner.sinkClosed(false);
    res.on("drain", onDrain);
    res.on("finish", onFinish);
    this.#setHeaders(headers);
    if (status === 200) {
      for (const [name, value] of DEFAULT_HEADERS) {
        if (!res.hasHeader(name)) res.setHeader(name, value);
      }
      res.setHeader("Content-Type", CONTENT_TYPE);
    }
    res.writeHead(status);
    if (preamble === "") return this.end();
    this.write(preamble);
  }

  write(text: string): void {
    const res = this.#res;
    if (isBare(res, this.#nativeWrite)) {
      const size = this.byteLength(text);
      const chunk = res.chunkedEncoding ? `${size.toString(16)}\r\n${text}\r\n` : text;
      res.socket?.write(encode(chunk, size === text.length), "latin1", this.#onWritten);
    } else if (res.stream) {
      this.#writeParts(text);
    } else {
      res.write(encode(text, isAscii(text)), "latin1", this.#onWritten);
      // What compression collects would come late, or never.
      res.flush?.();
      // Node holds writes back until the next tick; ours are one for each turn already.
      res.socket?.uncork();
    }
    this.#isDirty = this.bufferedAmount > 0;
  }

  byteLength(text: string): number {
    return Buffer.byteLength(text);
  }

  end(error?: Error): void {
    if (error) {
      this.#breaksOff = true;
      if (!this.#isDirty) this.#breakOff();
      return;
    }
    const res = this.#res;
    // Afterwards, the response does not know its connection any more.
    const { socket, stream } = res;
    res.on("finish", () => endIdleConnection(stream?.session?.socket ?? socket, stream));
    res.end();
    // Whatever wraps the response may hold something back; else we can see that it is all gone.
    if (this.#nativeWrite !== undefined && res.writableLength === 0) this.#owner?.sinkClosed(true);
  }

  abort(): void {
    const { stream } = this.#res;
    if (stream) stream.close(HTTP2_CANCEL);
    else this.#res.destroy();
  }

  /** Called by the shared listeners. */
  drained(): void {
    this.#isDirty = this.bufferedAmount > 0;
    if (this.#breaksOff && !this.#isDirty) return this.#breakOff();
    this.#owner?.sinkDrained();
  }

  /** Called by the shared listeners. */
  closed(clean: boolean): void {
    this.#owner?.sinkClosed(clean && !this.#isDirty);
  }

  readonly #onWritten = (error?: Error | null): void => {
    // Reported before the disconnect itself.
    if (error) return this.#owner?.sinkClosed(false);
    this.#taken++;
    this.drained();
  };

  #setHeaders(headers: ResponseHead["headers"]): void {
    const res = this.#res;
    for (const [name, value] of headers) {
      const cookies = name === "set-cookie" ? (res.getHeader(name) ?? []) : undefined;
      res.setHeader(name, cookies ? [cookies, value].flat().map(String) : value);
    }
    // Left by a framework that expected another answer, it would cut the stream off.
    if (res.hasHeader("content-length")) res.removeHeader("content-length");
  }

  #writeParts(text: string): void {
    const bytes = Buffer.from(text);
    for (let start = 0; start < bytes.length; start += HTTP2_WRITE_BYTES) {
      const part = bytes.subarray(start, start + HTTP2_WRITE_BYTES);
      this.#res.write(part, "latin1", this.#onWritten);
    }
  }

  /** Ends the connection without ending the response. */
  #breakOff(): void {
    const { socket, stream } = this.#res;
    if (stream) return this.abort();
    // Where the end of the connection is the end of the body, only a reset is no clean end.
    const { chunkedEncoding } = this.#res as { chunkedEncoding?: boolean };
    if (chunkedEncoding === false && socket && !("encrypted" in socket)) socket.resetAndDestroy();
    else this.#res.destroy();
  }
}

function onClose(this: Response): void {
  this[SINK]?.closed(true);
}

function onError(this: Response): void {
  this[SINK]?.closed(false);
}

function onDrain(this: Response): void {
  this[SINK]?.drained();
}

function onFinish(this: Response): void {
  this[SINK]?.closed(true);
}

function isGone({ destroyed, stream }: Response): boolean {
  return destroyed === true || stream?.destroyed === true;
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length;
}

/**
 * ASCII text leaves fastest as a latin1 string. Other text is encoded here, because streams count
 * the units of a string as bytes.
 */
function encode(text: string, ascii: boolean): string | Uint8Array {
  return ascii ? text : Buffer.from(text);
}

/**
 * Ends the connection, which otherwise stays for the next request, if its server has stopped
 * listening: `server.close()` waits for it, and looked for idle connections only once.
 */
function endIdleConnection(socket: Connection["socket"], stream: Http2Stream | undefined): void {
  if (socket?.server?.listening !== false) return;
  if (stream) stream.session?.close();
  else socket.destroySoon();
}
