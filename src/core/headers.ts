import { invalid } from "./frame.ts";
import type { ResponseHead } from "./sink.ts";
import type { HeadersLike } from "./types.ts";

/**
 * What a stream says unless the application said something else: nothing may keep, transform or
 * collect it. `no-transform` is what compression middleware looks for, `X-Accel-Buffering` nginx.
 */
const DEFAULTS = { "Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no" };

/**
 * Headers that are not the application's to set on a stream: its type, and what frames it on the
 * connection (which HTTP/2 forbids, RFC 9113, 8.2.2).
 */
const RESERVED =
  /^(content-(type|length)|(proxy-)?connection|keep-alive|transfer-encoding|upgrade)$/;

/**
 * Checks the application's headers, all of them before any is used.
 *
 * @throws TypeError if a name or value is not a legal one.
 */
export function readHeaders(init: HeadersLike): Headers {
  if (init === undefined) return new Headers();
  try {
    return new Headers([...new Headers(init)].filter(([name]) => !RESERVED.test(name)));
  } catch (cause) {
    throw invalid("headers", "must be legal names and values", init, cause);
  }
}

/** All headers of an answer: the stream's own only if it is one. */
export function createHeaders({ status, headers }: ResponseHead): Headers {
  const all = new Headers(headers);
  if (status === 204) return all;
  for (const [name, value] of Object.entries(DEFAULTS)) if (!all.has(name)) all.set(name, value);
  // Without this type, an EventSource gives up for good.
  all.set("Content-Type", "text/event-stream");
  return all;
}
