import type { Http2Stream } from "node:http2";
import type { Socket } from "node:net";
import { followAbort } from "../../core/abort.ts";
import { invalid } from "../../core/frame.ts";
import { createHeaders } from "../../core/headers.ts";
import { PIECE_BYTES, type ResponseHead, type Sink, type SinkOwner } from "../../core/sink.ts";
import { findNativeWrite, isBare } from "./bare.ts";
import { findCloseSignal } from "./close-signal.ts";
import type { NodeResponse } from "./types.ts";

/** What the protocols have besides; each is there or not, depending on the response. */
interface Connection {
  readonly socket?: (Socket & { readonly server?: { readonly listening: boolean } }) | null;
  readonly stream?: Http2Stream;
  readonly req?: { readonly socket?: Socket };
  readonly chunkedEncoding?: boolean;
  flush?(): void;
}

/** What is under a socket. */
interface Handle {
  readonly writeQueueSize?: number;
  readonly _parent?: Handle;
}

/** RFC 9113, 7. Clients take CANCEL and NO_ERROR for a clean end. */
const HTTP2_INTERNAL_ERROR = 0x2;

/** A sink over `(req, res)` of `node:http`, `node:https` and the compatibility API of `node:http2`. */
export class ResponseSink implements Sink {
  readonly #res: NodeResponse & Connection;
  readonly #nativeWrite: unknown;
  #owner!: SinkOwner;
  #taken = 0;
  /** What somebody else's `write` said to be waiting. */
  #held = 0;
  /**
   * Bytes, as latin1, that an HTTP/2 stream gets one piece at a time, and those behind them: to cut
   * pieces off what grows would copy all of it for each.
   */
  #next = "";
  #rest = "";
  #isEnding = false;
  #unfollow: (() => void) | undefined;

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
    return isOurs ? this.#res.writableLength + (this.#next + this.#rest).length : this.#held;
  }

  get progress(): number {
    if (!this.started) return performance.now();
    // Of the write that is under way the system may have taken a part; libuv knows. TLS keeps that
    // under its own handle.
    const handle = (this.#res.socket as { _handle?: Handle | null } | null | undefined)?._handle;
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
    res.on("drain", () => {
      this.#held = 0;
      this.#onWritten();
    });
    // Nor is a response told before its turn has come.
    const socket = this.started ? undefined : res.req?.socket;
    if (socket) this.#unfollow = followAbort(findCloseSignal(socket), this.#onEnd);
    this.#setHeaders(head);
    res.writeHead(head.status);
    if (head.preamble) this.write(head.preamble);
    else this.end();
  }

  write(text: string): void {
    const res = this.#res;
    const bytes = Buffer.byteLength(text);
    // Streams take the units of a string for bytes. As latin1 they are, and leave fastest.
    const chunk = bytes === text.length ? text : Buffer.from(text).toString("latin1");
    if (isBare(res, this.#nativeWrite)) {
      const framed = res.chunkedEncoding ? `${bytes.toString(16)}\r\n${chunk}\r\n` : chunk;
      res.socket.write(framed, "latin1", this.#onWritten);
    } else {
      try {
        // Those behind others must not overtake them, whatever has been wrapped meanwhile.
        if (this.#next + this.#rest || (res.stream && !Object.hasOwn(res, "write"))) {
          this.#rest += chunk;
          return this.#feed();
        }
        const isFull = res.write(Buffer.from(text), "latin1", this.#onWritten) === false;
        if (isFull || this.#held) this.#held += bytes;
        // What compression collects would come late, or never.
        res.flush?.();
        // Node holds writes back until the next tick; ours are one for each turn already.
        res.socket?.uncork();
      } catch {
        // What wraps the response failed. The other streams have nothing to do with that.
        this.abort();
        this.#owner.sinkClosed(false);
      }
    }
  }

  end(): void {
    const res = this.#res;
    res.on("finish", this.#findConnectionEnd());
    if (this.#next + this.#rest) this.#isEnding = true;
    else res.end();
    // What wraps a response may hold something back; else we can see that everything is taken.
    if (this.#nativeWrite && this.bufferedAmount === 0) this.#owner.sinkClosed(true);
  }

  abort(): void {
    const res = this.#res;
    const { socket, stream } = res;
    this.#next = this.#rest = "";
    if (stream) {
      const endConnection = this.#findConnectionEnd();
      stream.close(HTTP2_INTERNAL_ERROR);
      return endConnection();
    }
    // Where the end of the connection is the end of the body, only a reset is no clean end. Node's
    // `resetAndDestroy()` would send a clean end first; TLS tells by itself.
    if (res.chunkedEncoding === false && socket && !("encrypted" in socket)) {
      (socket as { resetAndClosing?: boolean }).resetAndClosing = true;
    }
    res.destroy();
  }

  /**
   * Gives an HTTP/2 stream its next piece, or its end. Of all that is written while a write is under
   * way Node makes one write, and tells nothing until the last byte of it is taken: who takes a
   * little at a time would look like who takes nothing. Nor can that be taken back by a reset.
   */
  #feed(): void {
    const res = this.#res;
    if (res.writableLength) return;
    if (!this.#next) {
      this.#next = this.#rest;
      this.#rest = "";
    }
    const piece = this.#next.slice(0, PIECE_BYTES);
    this.#next = this.#next.slice(PIECE_BYTES);
    if (piece) res.write(piece, "latin1", this.#onWritten);
    else if (this.#isEnding) res.end();
  }

  /**
   * What ends the connection, which otherwise stays for the next request, if its server has stopped
   * listening: `server.close()` waits for it, and has looked for idle ones already. To be found
   * before the end of the response, which does not know its connection any more.
   */
  #findConnectionEnd(): () => void {
    const res = this.#res;
    const session = res.stream?.session;
    const socket = (
      session?.destroyed ? undefined : (session ?? res).socket
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
    this.#next = this.#rest = "";
    this.#owner.sinkClosed();
  };

  /** For drains, for the callbacks of writes, and for errors, which come before the disconnect. */
  readonly #onWritten = (error?: Error | null): void => {
    // Of a write that was under way when the connection broke, Node tells no error.
    if (error || this.#res.socket?.destroyed) return this.#owner.sinkClosed(false);
    this.#taken++;
    this.#feed();
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
