import { findIdFault } from "./frame.ts";

/** What the core reads from a request, whatever it came in. */
export interface RequestInfo {
  readonly method: string;
  /** Path and query, or an absolute URL. */
  readonly url: string;
  /** A header's value as the runtime decoded it; `undefined` if it was not sent. */
  header(name: string): string | undefined;
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
  const query = request.url.split("?").slice(1).join("?");
  if (useParams && query !== "") {
    const params = new URLSearchParams(query.split("#", 1)[0]);
    ids.push(...ID_PARAMS.map((name) => params.get(name) ?? ""));
  }
  return ids.find((id) => id !== "" && !findIdFault(id)) ?? "";
}

/**
 * `Last-Event-ID` is UTF-8 (HTML, "last event ID string"), but most runtimes hand header bytes over
 * as latin1. Text that is not UTF-8 read that way was decoded already, or never was UTF-8.
 */
function decodeHeader(text: string): string {
  if (/[^\0-\xff]/.test(text)) return text;
  const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
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
export function acceptsEventStream(accept: string | undefined): boolean {
  if (!accept?.trim()) return true;
  const ranges = accept.split(",").map((range) => range.split(";").map((part) => part.trim()));
  for (const name of ["text/event-stream", "text/*", "*/*"]) {
    const matching = ranges.filter(([type]) => type?.toLowerCase() === name);
    const isWanted = (range: string[]) => !range.some((param) => /^q=0(\.0*)?$/i.test(param));
    if (matching.length > 0) return matching.some(isWanted);
  }
  return false;
}
