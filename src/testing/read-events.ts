import { encodeText } from "../core/frame.ts";
import type { HeadersLike } from "../core/types.ts";
import { EventStreamParser, type ParsedEvent } from "./parser.ts";

/** How {@link readEvents} reads. */
export interface ReadEventsOptions {
  /**
   * The id to come back with, as a client that reconnects does. It is what events without an id
   * have; and if there is a URL to ask, it is sent.
   */
  lastEventId?: string | undefined;
  /** More request headers, if there is a URL to ask. */
  headers?: HeadersLike;
  /** Ends the reading, with the signal's reason, when it is aborted. */
  signal?: AbortSignal | undefined;
}

/**
 * Reads the events of a response, as a client would get them. Leaving the loop cancels the
 * response, and so lets the server see that its client went away.
 *
 * @example
 * ```ts
 * for await (const { event, data, id } of readEvents(await handler(request))) {
 *   assert.equal(data, "Hello");
 *   break;
 * }
 * ```
 *
 * @param source a `Response`, or the URL of a running server
 * @throws TypeError if the response is no event stream. One with status 204, which tells clients
 *   to stop, has no events.
 */
export async function* readEvents(
  source: Response | URL | string,
  { lastEventId, headers, signal }: ReadEventsOptions = {},
): AsyncGenerator<ParsedEvent, void, undefined> {
  const isUrl = typeof source === "string" || source instanceof URL;
  const response = isUrl ? await request(source, lastEventId, headers, signal) : source;
  const { status, body } = response;
  if (status === 204) return;
  const type = response.headers.get("Content-Type") ?? "";
  if (status !== 200 || !/^text\/event-stream *(;|$)/i.test(type) || !body) {
    // Nobody else can end an answer that only we have.
    if (isUrl) await body?.cancel();
    throw new TypeError(`Cannot read events: status ${status}, content type "${type}"`);
  }
  const events: ParsedEvent[] = [];
  const parser = new EventStreamParser((event) => events.push(event), lastEventId);
  // A BOM is the parser's: it may be there once.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const reader = body.getReader();
  const abort = () => void reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener("abort", abort);
  try {
    for (;;) {
      signal?.throwIfAborted();
      const next = events.shift();
      if (next) {
        yield next;
        continue;
      }
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) return;
      parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    signal?.removeEventListener("abort", abort);
    // It may have failed, which the read has told already.
    await reader.cancel().catch(() => {});
  }
}

function request(
  url: URL | string,
  lastEventId = "",
  init: HeadersLike,
  signal: AbortSignal | undefined,
): Promise<Response> {
  const headers = new Headers(init);
  if (!headers.has("Accept")) headers.set("Accept", "text/event-stream");
  // Clients send UTF-8; a header takes each byte as a character.
  const bytes = String.fromCharCode(...encodeText(lastEventId));
  if (lastEventId) headers.set("Last-Event-ID", bytes);
  return fetch(url, { headers, cache: "no-store", ...(signal && { signal }) });
}
