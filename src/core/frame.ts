import { silence } from "./errors.ts";
import { unpolluted } from "./unpolluted.ts";

/**
 * Pure functions from a message to the text that goes on the wire.
 *
 * Every function either returns one complete frame or throws a `TypeError` that names the field.
 * Nothing is stripped or repaired: two ids that differ must not become one.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */

/** The fields of a frame besides its data, checked and coerced: see {@link readFields}. */
export interface FrameFields {
  id: string | undefined;
  event: string | undefined;
  retry: number | undefined;
}

/** The largest `retry` that clients take as it is: Firefox keeps it in 32 bits. */
const MAX_RETRY_MS = 2 ** 31 - 1;

/** Ids above this are not read from a request either. */
const MAX_ID_BYTES = 1024;

/** What keeps a connection alive: a comment without a blank line, which no client takes for an event. */
export const KEEP_ALIVE_FRAME = ":\n";

/** All fields have the same shape, which is what engines are fast with. */
const NO_FIELDS: FrameFields = { id: undefined, event: undefined, retry: undefined };

/**
 * Formats one event.
 *
 * `data` is split on CRLF, CR and LF, as the client joins it again with LF. There is always one
 * space after the colon, because the client removes one.
 */
export function formatMessage(data: string, { id, event, retry }: FrameFields): string {
  const lines = prefixLines(data, "data: ");
  // Most frames have an id and no retry. The fewer parts they are put together from, the cheaper.
  if (id !== undefined && retry === undefined) {
    // An empty type means "message" to the client, and so does its absence.
    return event
      ? `event: ${event}\nid: ${id}\ndata: ${lines}\n\n`
      : `id: ${id}\ndata: ${lines}\n\n`;
  }
  const eventLine = event ? `event: ${event}\n` : "";
  // An empty id is a value: it resets the client.
  const idLine = id === undefined ? "" : `id: ${id}\n`;
  const retryLine = retry === undefined ? "" : `retry: ${retry}\n`;
  return `${eventLine}${idLine}${retryLine}data: ${lines}\n\n`;
}

/** Formats a comment, which no client raises as an event. It ends without a blank line. */
export function formatComment(comment: unknown): string {
  return `: ${prefixLines(coerce("comment", comment), ": ")}\n`;
}

/** Formats the frame which only sets the time that the client waits before it reconnects, if any. */
export function formatRetry(retry: number | undefined): string {
  return retry === undefined ? "" : `retry: ${retry}\n\n`;
}

/** Puts the prefix behind each line break, and makes that LF. */
function prefixLines(text: string, prefix: string): string {
  // Most data is one line; looking for the characters is faster than the regular expression.
  return text.includes("\n") || text.includes("\r")
    ? text.replace(/\r\n?|\n/g, `\n${prefix}`)
    : text;
}

/**
 * Turns data into text: a string is its own.
 *
 * @throws TypeError if the serializer throws, or has no text for it (`JSON.stringify(undefined)`).
 */
export function serializeData(data: unknown, serialize: (data: unknown) => unknown): string {
  if (typeof data === "string") return data;
  let cause: unknown;
  try {
    const text = serialize(data);
    if (typeof text === "string") return text;
    silence(text);
  } catch (error) {
    cause = error;
  }
  throw invalid("data", "cannot be serialized", data, cause);
}

/**
 * Checks what the caller gave as `idOrFields`. `null` and `undefined` mean absent.
 *
 * @throws TypeError if a field could not be sent as it is, or its id could never come back.
 */
export function readFields(idOrFields: unknown): FrameFields {
  if (idOrFields == null) return NO_FIELDS;
  if (typeof idOrFields !== "object") {
    return { id: readId(idOrFields), event: undefined, retry: undefined };
  }
  // Each property is read once: a getter must not show the check one value and the wire another.
  const { id, event, retry } = unpolluted(idOrFields as Record<keyof FrameFields, unknown>);
  // Nobody means an id that is wrapped in an object to get lost.
  if (id === undefined && idOrFields instanceof String) return readFields(String(idOrFields));
  return {
    id: readId(id),
    event: isPlain(event) ? event : readLine("event", event),
    retry: retry == null ? undefined : readRetry("retry", retry),
  };
}

/**
 * Is it a short string of printable ASCII without spaces? Most ids and types are, and this costs
 * less than asking for each fault.
 */
function isPlain(value: unknown): value is string {
  if (typeof value !== "string" || value.length > 64) return false;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code <= 0x20 || code >= 0x7f) return false;
  }
  return true;
}

function readId(value: unknown): string | undefined {
  if (isPlain(value)) return value;
  const id = readLine("id", value);
  if (!id || canReturn(id)) return id;
  throw invalid("id", "contains a control character, edge white space, or over 1 KiB", id);
}

/** Would a client bring this id back as it was sent? */
export function canReturn(id: string): boolean {
  // HTTP drops white space, and servers refuse the request that brings a control character.
  // eslint-disable-next-line no-control-regex -- these are the very characters that this is about
  if (/^\s|\s$|[\0-\x08\x0a-\x1f\x7f]/.test(id)) return false;
  // One UTF-16 unit is at most three bytes: only long text has to be measured.
  return id.length * 3 <= MAX_ID_BYTES || encodeText(id).length <= MAX_ID_BYTES;
}

/** What a text is on the wire. */
export function encodeText(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/**
 * Checks a field that is one line, such as an event's type.
 *
 * @throws TypeError if it contains a line break or NUL, or is nothing that a string is made of.
 */
export function readLine(name: string, value: unknown): string | undefined {
  if (value == null) return undefined;
  const text = coerce(name, value);
  if (/[\0\r\n]/.test(text)) throw invalid(name, "contains a line break or NUL", text);
  // What the client gets is UTF-8, which has no lone surrogates: `lastEventId` must match it.
  // Every supported runtime has the method; the types of ES2022 do not.
  return (text as string & { toWellFormed(): string }).toWellFormed();
}

/**
 * Turns a value into a primitive string, once. Nothing but that string is looked at afterwards: an
 * object could answer differently the second time.
 */
function coerce(name: string, value: unknown): string {
  try {
    // Unlike String(), this refuses symbols.
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-template-expression -- no string yet
    return `${value as string}`;
  } catch (cause) {
    throw invalid(name, "cannot be converted to a string", value, cause);
  }
}

/** Checks a reconnection time. @throws TypeError unless it is an integer that every client takes. */
export function readRetry(name: string, value: unknown): number | undefined {
  if (value == null) return undefined;
  const isValid = Number.isInteger(value) && (value as number) >= 0;
  if (isValid && (value as number) <= MAX_RETRY_MS) return value as number;
  throw invalid(name, `must be an integer from 0 to ${MAX_RETRY_MS} (ms)`, value);
}

/** Makes the `TypeError` for an argument: its name, what is wrong with it, and a primitive's value. */
export function invalid(name: string, fault: string, value: unknown, cause?: unknown): TypeError {
  const got = Object(value) === value ? "" : `, got ${JSON.stringify(String(value).slice(0, 80))}`;
  return new TypeError(`Invalid "${name}": ${fault}${got}`, { cause });
}
