import { canReturn } from "./frame.ts";

/** What the core reads from a request, whatever it came in. */
export interface RequestInfo {
  readonly method: string | undefined;
  /** Path and query, or an absolute URL. */
  readonly url: string | undefined;
  /** A header's value as the runtime decoded it; nothing, or `""`, if it was not sent. */
  readonly header: (name: string) => string | null | undefined;
}

/** Polyfills cannot set headers either, and each found its own parameter. */
const ID_PARAMS = ["lastEventId", "last_event_id", "Last-Event-ID", "evs_last_event_id"];

/**
 * Reads which event the client received last: from its header, else from the query.
 *
 * A value that we would not have sent (over 1 KiB, control characters) is treated as none, because
 * a client must not be able to cause an error, nor to put such a thing into the application's logs.
 */
export function readLastEventId(request: RequestInfo, useParams: boolean): string {
  const ids = [decodeHeader(request.header("last-event-id") ?? "")];
  const query = useParams && /\?([^#]*)/.exec(request.url ?? "");
  if (query) {
    const params = new URLSearchParams(query[1]);
    ids.push(...ID_PARAMS.map((name) => params.get(name) ?? ""));
  }
  return ids.find((id) => id && canReturn(id)) ?? "";
}

/**
 * `Last-Event-ID` is UTF-8 (HTML, "last event ID string"), but most runtimes hand header bytes over
 * as latin1. Text that is not UTF-8 read that way was decoded already, or never was UTF-8.
 */
function decodeHeader(text: string): string {
  try {
    // `escape` makes %XX of latin1, and of what is not latin1 something that cannot be decoded.
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- every runtime has it
    return decodeURIComponent(escape(text));
  } catch {
    return text;
  }
}

/**
 * Would the sender of this `Accept` header take an event stream? The most specific range that
 * matches decides, and its weight is not zero. No header means anything goes.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
 */
export function acceptsEventStream(accept: string | null | undefined): boolean {
  if (!accept?.trim()) return true;
  const isWanted = new Map<string | undefined, boolean>();
  for (const range of accept.toLowerCase().split(",")) {
    const [type, ...params] = range.split(";").map((part) => part.trim());
    isWanted.set(type, !params.some((param) => /^q=0(\.0*)?$/.test(param)));
  }
  return isWanted.get("text/event-stream") ?? isWanted.get("text/*") ?? !!isWanted.get("*/*");
}
