import type { Socket } from "node:net";
import { findOwner } from "../../core/unpolluted.ts";
import type { NodeResponse } from "./types.ts";

/** An HTTP/1 response as Node makes it. */
export interface BareResponse extends NodeResponse {
  readonly socket: Socket;
  readonly chunkedEncoding: boolean;
  readonly outputSize: number;
  readonly writableEnded: boolean;
  readonly writableCorked: number;
  readonly _headerSent: boolean;
  readonly _writeRaw: unknown;
}

/**
 * Finds the `write` that Node's own HTTP/1 responses have; `undefined` for any other response.
 *
 * `res.write` turns one chunk into four writes (its size, a line break, the chunk, a line break)
 * and a cork with its timer. Writing the same bytes to the socket as one string costs half. But
 * whoever wraps a response (compression, tracing, a mock) must see what is written: so this looks
 * for the class that frames chunks, and for anything that stands before its `write`.
 */
export function findNativeWrite(response: NodeResponse): unknown {
  // These have classes of the same shape, above sockets that are not the connection.
  if ("Deno" in globalThis || "Bun" in globalThis) return undefined;
  const owner = findOwner(response, "_writeRaw") as Partial<BareResponse> | null;
  const write = owner?.write;
  return write?.name === "write" &&
    write.length === 3 &&
    response.write === write &&
    (response as BareResponse)._writeRaw === owner?._writeRaw
    ? write
    : undefined;
}

/**
 * Is `writeHead` the one that Node's own HTTP/1 responses have? Others may know no flat arrays, or
 * look for what was set.
 */
export function hasNativeHead(response: NodeResponse): boolean {
  const owner = findOwner(response, "writeHead") as {
    writeHead?: { name: string; length: number };
  };
  const { name, length } = owner.writeHead ?? {};
  return name === "writeHead" && length === 3 && owner === findOwner(response, "assignSocket");
}

/**
 * May frames go to the response's socket right now? Not if it was wrapped meanwhile, nor when bytes
 * in the response must go first: its head, a cork, an earlier response on the same connection.
 */
export function isBare(response: NodeResponse, nativeWrite: unknown): response is BareResponse {
  const res = response as BareResponse;
  return (
    res.write === nativeWrite &&
    res._headerSent &&
    !res.writableEnded &&
    (res.socket as { _httpMessage?: unknown } | null)?._httpMessage === res &&
    res.socket.writable &&
    res.outputSize === 0 &&
    res.writableCorked === 0
  );
}
