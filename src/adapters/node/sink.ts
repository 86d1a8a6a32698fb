import type { Http2Stream } from "node:http2";
import type { Socket } from "node:net";
import { invalid } from "../../core/frame.ts";
import { createHeaders } from "../../core/headers.ts";
import type { Text } from "../../core/shared-text.ts";
import { PIECE_BYTES, type ResponseHead, type Sink, type SinkOwner } from "../../core/sink.ts";
import { unpolluted } from "../../core/unpolluted.ts";
import { findNativeWrite, hasNativeHead, isBare } from "./bare.ts";
import { Pieces } from "./pieces.ts";
import type { NodeResponse } from "./types.ts";

/** What the protocols have besides; each is there or not, depending on the response. */
interface Connection {
  readonly socket?: (Socket & { readonly server?: { readonly listening: boolean } }) | null;
  readonly stream?: Http2Stream;
  readonly req?: { readonly socket?: Socket };
  readonly chunkedEncoding?: boolean;
  readonly _header?: unknown;
  getHeaderNames?(): string[];
  /** Names and values, one after the other. */
  writeHead(statusCode: number, headers?: string[]): unknown;
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
  readonly #stream: Http2Stream | undefined;
  readonly #nativeWrite: unknown;
  #owner!: SinkOwner;
  #taken = 0;
  /** What somebody else's `write` said to be waiting. */
  #held = 0;
  /** The connection on which the response waits for its turn. */
  #queue: Socket | undefined;
  #hearsDrains = false;
  /** What an HTTP/2 stream has not got yet. */
  readonly #pieces: Pieces | undefined;
  #isEnding = false;

  /** @throws TypeError if the response is none, or has been answered already */
  constructor(response: NodeResponse | undefined) {
    if (typeof response?.writeHead !== "function") {
      const hint = "must be an http.ServerResponse (reply.raw in Fastify, ctx.res in Koa)";
      throw invalid("response", hint, response);
    }
    // A client that left is no error: the endpoint will be closed.
    if (response.headersSent && !response.destroyed) {
      throw invalid("response", "was sent already", response);
    }
    this.#res = response;
    this.#stream = unpolluted(response as Connection).stream;
    this.#pieces = this.#stream && new Pieces();
    this.#nativeWrite = findNativeWrite(response);
  }

  /** A pipelined request has to wait until those before it are answered. */
  get started(): boolean {
    return !this.#nativeWrite || !!this.#res.socket;
  }

  get bufferedAmount(): number {
    // What wraps a response has a buffer of its own, of which only its `write` tells.
    const isOurs = this.#nativeWrite ?? this.#stream;
    return isOurs ? this.#res.writableLength + (this.#pieces?.length ?? 0) : this.#held;
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
    if (res.destroyed || this.#stream?.destroyed) return owner.sinkClosed();
    res.on("finish", this.#onEnd);
    // HTTP/2 tells a reset with this, and not always with "close".
    this.#stream?.on("aborted", this.#onEnd);
    // Nor is a response told before its turn has come. Many may wait: that they listen is no leak.
    if (!this.started) this.#queue = res.req?.socket?.setMaxListeners(0).on("close", this.#onEnd);
    this.#writeHead(head);
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
    try {
      // Those behind others must not overtake them, whatever has been wrapped meanwhile.
      if (this.#pieces && (this.#pieces.length > 0 || !Object.hasOwn(res, "write"))) {
        this.#pieces.push(bytes);
        return this.#feed();
      }
      // Whoever wraps a response may keep the callbacks to himself; Node's own are enough otherwise.
      if (!this.#hearsDrains && res.write !== this.#nativeWrite) {
        this.#hearsDrains = true;
        res.on("drain", () => {
          this.#held = 0;
          this.#onWritten();
        });
      }
      const isFull = res.write(bytes, "latin1", this.#onWritten) === false;
      if (isFull || this.#held) this.#held += bytes.length;
      // What compression collects would come late, or never.
      unpolluted<Connection>(res).flush?.call(res);
      // Node holds writes back until the next tick; ours are one for each turn already.
      if (!this.#stream) res.socket?.uncork();
    } catch {
      this.#fail();
    }
  }

  end(): void {
    const res = this.#res;
    res.on("finish", this.#findConnectionEnd());
    try {
      if (this.#pieces?.length) this.#isEnding = true;
      else res.end();
    } catch {
      return this.#fail();
    }
    // What wraps a response may hold something back; else we can see that everything is taken.
    if (this.#nativeWrite && this.bufferedAmount === 0) this.#owner.sinkClosed(true);
  }

  /** What wraps the response failed. The other streams have nothing to do with that. */
  #fail(): void {
    this.abort();
    this.#owner.sinkClosed(false);
  }

  abort(): void {
    const res = this.#res;
    const { socket } = res;
    const stream = this.#stream;
    this.#pieces?.clear();
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
    if (!this.#pieces || res.writableLength > 0) return;
    const piece = this.#pieces.shift(PIECE_BYTES);
    if (piece.length > 0) res.write(piece, "latin1", this.#onWritten);
    else if (this.#isEnding) res.end();
  }

  /**
   * What ends the connection, which otherwise stays for the next request, if its server has stopped
   * listening: `server.close()` waits for it, and has looked for idle ones already. To be found
   * before the end of the response, which does not know its connection any more.
   */
  #findConnectionEnd(): () => void {
    const session = this.#stream?.session;
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
    this.#queue?.off("close", this.#onEnd);
    this.#pieces?.clear();
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

  #writeHead(head: ResponseHead): void {
    const res = this.#res;
    const headers = createHeaders(head);
    // Left by a framework that expected another answer, it would cut the stream off.
    res.removeHeader("content-length");
    // What is set, Node keeps as long as the response lives. Wrappers look for it there.
    const isNative = this.#nativeWrite && hasNativeHead(res);
    if (isNative && res.getHeaderNames?.().length === 0) {
      return void res.writeHead(head.status, [...headers].flat());
    }
    for (const [name, value] of headers) {
      if (name === "set-cookie") res.appendHeader(name, value);
      else if (name === "content-type" || head.headers.has(name) || !res.hasHeader(name)) {
        res.setHeader(name, value);
      }
    }
    res.writeHead(head.status);
  }
}

function toBuffer(text: string): Buffer {
  return Buffer.from(text);
}

/** RFC 9112, 7.1. */
function toChunk(text: string): Buffer {
  return Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
}
