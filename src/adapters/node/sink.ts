import type { Http2Stream } from "node:http2";
import type { Socket } from "node:net";
import { followAbort } from "../../core/abort.ts";
import { invalid } from "../../core/frame.ts";
import { createHeaders } from "../../core/headers.ts";
import type { Text } from "../../core/shared-text.ts";
import type { ResponseHead, Sink, SinkOwner } from "../../core/sink.ts";
import { findNativeWrite, isBare } from "./bare.ts";
import { findCloseSignal } from "./close-signal.ts";
import type { NodeResponse } from "./types.ts";

/** What the protocols have besides; each is there or not, depending on the response. */
interface Connection {
  readonly socket?: (Socket & { readonly server?: { readonly listening: boolean } }) | null;
  readonly stream?: Http2Stream;
  readonly req?: { readonly socket?: Socket };
  readonly chunkedEncoding?: boolean;
  readonly _header?: unknown;
  flush?(): void;
}

/** What is under a socket. */
interface Handle {
  readonly writeQueueSize?: number;
  readonly _parent?: Handle;
}

/** RFC 9113, 7. Clients take CANCEL and NO_ERROR for a clean end. */
const HTTP2_INTERNAL_ERROR = 0x2;
/** The size of an HTTP/2 frame. Only whole writes are acknowledged, and this is progress enough. */
const HTTP2_WRITE_BYTES = 16_384;

/** A sink over `(req, res)` of `node:http`, `node:https` and the compatibility API of `node:http2`. */
export class ResponseSink implements Sink {
  readonly #res: NodeResponse & Connection;
  readonly #nativeWrite: unknown;
  #owner!: SinkOwner;
  #taken = 0;
  /** What somebody else's `write` said to be waiting. */
  #held = 0;
  #unfollow: (() => void) | undefined;
  #hearsDrains = false;

  /** @throws TypeError if the response is none, or has been answered already */
  constructor(response: NodeResponse | undefined) {
    if (typeof response?.writeHead !== "function") {
      const hint = "must be the http.ServerResponse (reply.raw in Fastify, ctx.res in Koa)";
      throw invalid("response", hint, response);
    }
    // A client that left is no error: the endpoint will be closed.
    if (response.headersSent && !response.destroyed) {
      throw invalid("response", "has its headers sent already", response);
    }
    this.#res = response;
    this.#nativeWrite = findNativeWrite(response);
  }

  /** A pipelined request has to wait until those before it are answered. */
  get started(): boolean {
    return !this.#nativeWrite || !!this.#res.socket;
  }

  get bufferedAmount(): number {
    // What wraps a response has a buffer of its own, of which only its `write` tells.
    const isOurs = this.#nativeWrite ?? this.#res.stream;
    return isOurs ? this.#res.writableLength : this.#held;
  }

  get progress(): number {
    if (!this.started) return performance.now();
    // Of the write that is under way the system may have taken a part; libuv knows. TLS keeps that
    // under its own handle.
    const { _handle: handle } = (this.#res.socket ?? {}) as { _handle?: Handle | null };
    return this.#taken - ((handle?._parent ?? handle)?.writeQueueSize ?? 0);
  }

  open(owner: SinkOwner, head: ResponseHead): void {
    const res = this.#res;
    this.#owner = owner;
    // Only the response tells when the client leaves: a request closes once its body is consumed.
    res.on("close", this.#onEnd);
    // For the whole life of the response: an error without a listener ends the process.
    res.on("error", this.#onWritten);
    if (res.destroyed || res.stream?.destroyed) return owner.sinkClosed();
    res.on("finish", this.#onEnd);
    // HTTP/2 tells a reset with this, and not always with "close".
    res.stream?.on("aborted", this.#onEnd);
    // Nor is a response told before its turn has come.
    const socket = this.started ? undefined : res.req?.socket;
    if (socket) this.#unfollow = followAbort(findCloseSignal(socket), this.#onEnd);
    this.#setHeaders(head);
    res.writeHead(head.status);
    // HTTP/1 keeps the head as a rope of many small strings. Looked into, it becomes one string.
    if (typeof res._header === "string") res._header.charCodeAt(0);
    if (head.preamble) this.write(head.preamble);
    else this.end();
  }

  write(text: Text): void {
    const res = this.#res;
    const isShared = typeof text !== "string";
    if (!isBare(res, this.#nativeWrite)) {
      return this.#writeThrough(isShared ? text.as(toBuffer) : toBuffer(text));
    }
    const { socket, chunkedEncoding } = res;
    if (isShared) return this.#writeRaw(socket, text.as(chunkedEncoding ? toChunk : toBuffer));
    // ASCII leaves fastest as a latin1 string. Other text is encoded here, because streams take the
    // units of a string for bytes.
    const bytes = Buffer.byteLength(text);
    const chunk = chunkedEncoding ? `${bytes.toString(16)}\r\n${text}\r\n` : text;
    this.#writeRaw(socket, bytes === text.length ? chunk : Buffer.from(chunk));
  }

  /** Writes to the socket. Mostly the system takes all of it at once, and nobody is called back. */
  #writeRaw(socket: Socket, bytes: string | Buffer): void {
    // TLS always takes its time.
    if (socket.writableLength > 0 || "encrypted" in socket) {
      socket.write(bytes, "latin1", this.#onWritten);
      return;
    }
    socket.write(bytes, "latin1");
    // Nothing, behind what waits: the end of the wait, or a failure, is told.
    if (socket.writableLength > 0 || socket.errored) socket.write("", this.#onWritten);
  }

  /** Writes to a response that does more with it, or has something before it, than framing. */
  #writeThrough(bytes: Buffer): void {
    const res = this.#res;
    // Whoever wraps a response may keep the callbacks to himself; Node's own are enough otherwise.
    if (!this.#hearsDrains && res.write !== this.#nativeWrite) {
      this.#hearsDrains = true;
      res.on("drain", () => {
        this.#held = 0;
        this.#onWritten();
      });
    }
    const step = res.stream ? HTTP2_WRITE_BYTES : bytes.length;
    try {
      for (let start = 0; start < bytes.length; start += step) {
        const part = bytes.subarray(start, start + step);
        const isFull = res.write(part, "latin1", this.#onWritten) === false;
        if (isFull || this.#held) this.#held += part.length;
      }
      // What compression collects would come late, or never.
      res.flush?.();
    } catch {
      // What wraps the response failed. The other streams have nothing to do with that.
      this.abort();
      return this.#owner.sinkClosed(false);
    }
    // Node holds writes back until the next tick; ours are one for each turn already.
    if (!res.stream) res.socket?.uncork();
  }

  end(): void {
    const res = this.#res;
    res.on("finish", this.#findConnectionEnd());
    res.end();
    // What wraps a response may hold something back; else we can see that everything is taken.
    if (this.#nativeWrite && this.bufferedAmount === 0) this.#owner.sinkClosed(true);
  }

  abort(): void {
    const { socket, stream, chunkedEncoding } = this.#res;
    if (stream) {
      const endConnection = this.#findConnectionEnd();
      stream.close(HTTP2_INTERNAL_ERROR);
      return endConnection();
    }
    // Where the end of the connection is the end of the body, only a reset is no clean end. Node's
    // `resetAndDestroy()` would send a clean end first; TLS tells by itself.
    if (chunkedEncoding === false && socket && !("encrypted" in socket)) {
      (socket as { resetAndClosing?: boolean }).resetAndClosing = true;
    }
    this.#res.destroy();
  }

  /**
   * What ends the connection, which otherwise stays for the next request, if its server has stopped
   * listening: `server.close()` waits for it, and has looked for idle ones already. To be found
   * before the end of the response, which does not know its connection any more.
   */
  #findConnectionEnd(): () => void {
    const session = this.#res.stream?.session;
    const socket = (
      session?.destroyed ? undefined : (session ?? this.#res).socket
    ) as Connection["socket"];
    const server = socket?.server;
    return () => {
      if (server?.listening !== false) return;
      if (session) session.close();
      else socket?.destroySoon();
    };
  }

  readonly #onEnd = (): void => {
    this.#unfollow?.();
    this.#owner.sinkClosed();
  };

  /** For drains, for the callbacks of writes, and for errors, which come before the disconnect. */
  readonly #onWritten = (error?: Error | null): void => {
    if (error) return this.#owner.sinkClosed(false);
    this.#taken++;
    if (this.#res.writableLength === 0) this.#held = 0;
    this.#owner.sinkDrained();
  };

  #setHeaders(head: ResponseHead): void {
    const res = this.#res;
    // Left by a framework that expected another answer, it would cut the stream off.
    res.removeHeader("content-length");
    for (const [name, value] of createHeaders(head)) {
      if (name === "set-cookie") res.appendHeader(name, value);
      else if (name === "content-type" || head.headers.has(name) || !res.hasHeader(name)) {
        res.setHeader(name, value);
      }
    }
  }
}

function toBuffer(text: string): Buffer {
  return Buffer.from(text);
}

/** RFC 9112, 7.1. */
function toChunk(text: string): Buffer {
  return Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
}
