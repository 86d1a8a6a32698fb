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
  const header = request.header("last-event-id");
  if (header) {
    const id = decodeHeader(header);
    if (!findIdFault(id)) return id;
  }
  const query = useParams ? request.url.indexOf("?") : -1;
  if (query >= 0) {
    const params = new URLSearchParams(request.url.slice(query + 1).split("#", 1)[0]);
    for (const name of ID_PARAMS) {
      const id = params.get(name);
      if (id && !findIdFault(id)) return id;
    }
  }
  return "";
}

/**
 * `Last-Event-ID` is UTF-8 (HTML, "last event ID string"), but most runtimes hand header bytes over
 * as latin1. Text that is not UTF-8 read that way was decoded already, or never was UTF-8.
 */
function decodeHeader(text: string): string {
  // eslint-disable-next-line no-control-regex -- everything that is not ASCII
  if (/^[\0-\x7f]*$/.test(text)) return text;
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0xff) return text;
    bytes[i] = unit;
  }
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
  const specificity = { "*/*": 1, "text/*": 2, "text/event-stream": 3 } as const;
  let best = 0;
  let accepted = false;
  for (const range of accept.toLowerCase().split(",")) {
    const [type = "", ...params] = range.split(";").map((part) => part.trim());
    const rank = Object.hasOwn(specificity, type)
      ? specificity[type as keyof typeof specificity]
      : 0;
    if (rank === 0 || rank < best) continue;
    const weight = params.find((param) => param.startsWith("q="))?.slice(2) ?? "1";
    const wanted = Number(weight) > 0;
    accepted = rank === best ? accepted || wanted : wanted;
    best = rank;
  }
  return accepted;
}
