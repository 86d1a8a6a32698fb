import { type ParsedEvent, EventStreamParser } from "./parser.ts";

/** How {@link readEvents} asks, if it is given a URL. */
export interface ReadEventsOptions {
  /** The id to come back with, as a client that reconnects does. */
  lastEventId?: string | undefined;
  /** More request headers. */
  headers?: ConstructorParameters<typeof Headers>[0];
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
  const response =
    source instanceof URL || typeof source === "string"
      ? await request(source, lastEventId, headers, signal)
      : source;
  const type = response.headers.get("Content-Type");
  if (response.status === 204) return;
  if (response.status !== 200 || !type?.startsWith("text/event-stream") || !response.body) {
    throw new TypeError(`Cannot read events: status ${response.status}, content type "${type}"`);
  }
  const events: ParsedEvent[] = [];
  const parser = new EventStreamParser((event) => events.push(event));
  // A BOM is the parser's: it may be there once.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const reader = response.body.getReader();
  const abort = () => void reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener("abort", abort);
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) return;
      parser.push(decoder.decode(value, { stream: true }));
      yield* events.splice(0);
    }
  } finally {
    signal?.removeEventListener("abort", abort);
    // It may have failed, which the read has told already.
    await reader.cancel().catch(() => {});
  }
}

function request(
  url: URL | string,
  lastEventId: string | undefined,
  init: ReadEventsOptions["headers"],
  signal: AbortSignal | undefined,
): Promise<Response> {
  const headers = new Headers(init);
  headers.set("Accept", "text/event-stream");
  if (lastEventId) headers.set("Last-Event-ID", lastEventId);
  return fetch(url, { headers, cache: "no-store", ...(signal && { signal }) });
}
