/**
 * What a stream says unless the application said something else: nothing may keep, transform or
 * collect it. `no-transform` is what compression middleware looks for, `X-Accel-Buffering` nginx.
 */
export const DEFAULT_HEADERS: readonly (readonly [name: string, value: string])[] = [
  ["Cache-Control", "no-cache, no-transform"],
  ["X-Accel-Buffering", "no"],
];

/** The type without which `EventSource` gives up for good. */
export const CONTENT_TYPE = "text/event-stream";

/**
 * Headers that are not the application's to set on a stream: its type, and what frames it on the
 * connection (which HTTP/2 forbids, RFC 9113, 8.2.2).
 */
const RESERVED =
  /^(?:content-(?:type|length)|connection|keep-alive|proxy-connection|transfer-encoding|upgrade)$/;

/**
 * Checks the application's headers, all of them before any is used.
 *
 * @throws TypeError if a name or value is not a legal one.
 */
export function readHeaders(init: HeadersInit | undefined): [name: string, value: string][] {
  if (init == null) return [];
  return [...new Headers(init)].filter(([name]) => !RESERVED.test(name));
}
