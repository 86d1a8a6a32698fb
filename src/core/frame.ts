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

/** Ids above this come back as none: see `readLastEventId`. */
export const MAX_ID_BYTES = 1024;

/** Bytes that keep a connection alive: a comment without a blank line, which no client takes for an event. */
export const KEEP_ALIVE_FRAME = ":\n";

const NO_FIELDS: FrameFields = { id: undefined, event: undefined, retry: undefined };

const LINE_BREAKS = /\r\n?|\n/g;
// eslint-disable-next-line no-control-regex -- these are the very characters that this is about
const ONE_LINE = /^[^\0\r\n]*$/;
// A control character makes HTTP servers refuse the request that brings the id back.
// eslint-disable-next-line no-control-regex -- see above
const CONTROLS = /[\0-\x08\x0a-\x1f\x7f]/;

/**
 * Formats one event.
 *
 * `data` is split on CRLF, CR and LF, as the client joins it again with LF. There is always one
 * space after the colon, because the client removes one.
 */
export function formatMessage(data: string, { id, event, retry }: FrameFields = NO_FIELDS): string {
  let text = "";
  // An empty type means "message" to the client, and so does its absence.
  if (event) text = `event: ${event}\n`;
  // An empty id is a value: it resets the client.
  if (id !== undefined) text += `id: ${id}\n`;
  if (retry !== undefined) text += `retry: ${retry}\n`;
  return `${text}data: ${prefixLines(data, "data: ")}\n\n`;
}

/** Formats a comment, which no client raises as an event. It ends without a blank line. */
export function formatComment(comment: string): string {
  return `: ${prefixLines(comment, ": ")}\n`;
}

/** Formats the frame which only sets the time that the client waits before it reconnects. */
export function formatRetry(retry: number): string {
  return `retry: ${retry}\n\n`;
}

/**
 * Checks what the caller gave as `idOrFields`. `null` and `undefined` mean absent.
 *
 * @throws TypeError if a field could not be sent as it is, or its id could never come back.
 */
export function readFields(action: string, idOrFields: unknown): FrameFields {
  if (idOrFields == null) return NO_FIELDS;
  if (typeof idOrFields !== "object" || idOrFields instanceof String) {
    return { id: readId(action, idOrFields), event: undefined, retry: undefined };
  }
  // Each property is read once: a getter must not show the check one value and the wire another.
  const { id, event, retry } = idOrFields as Record<keyof FrameFields, unknown>;
  return {
    id: readId(action, id),
    event: readEventName(action, event),
    retry: readRetry(action, "retry", retry),
  };
}

/** Checks an event id. @throws TypeError if the client could not send it back as it is. */
export function readId(action: string, value: unknown): string | undefined {
  if (value == null) return undefined;
  const id = oneLine(action, "id", value);
  const fault = findIdFault(id);
  if (fault) throw invalid(action, "id", fault, id);
  return id;
}

/** Says why an id could not come back from a client as it was sent, if so. */
export function findIdFault(id: string): string | undefined {
  if (CONTROLS.test(id)) return "contains a control character";
  if (id !== id.trim()) return "begins or ends with white space";
  // One UTF-16 unit is at most three bytes: only long ids have to be measured.
  const tooLong =
    id.length * 3 > MAX_ID_BYTES && new TextEncoder().encode(id).length > MAX_ID_BYTES;
  return tooLong ? `is longer than ${MAX_ID_BYTES} bytes` : undefined;
}

/** Checks an event's type. @throws TypeError if it is not one line. */
export function readEventName(action: string, value: unknown): string | undefined {
  return value == null ? undefined : oneLine(action, "event", value);
}

/** Checks a reconnection time. @throws TypeError unless it is an integer that every client takes. */
export function readRetry(action: string, name: string, value: unknown): number | undefined {
  if (value == null) return undefined;
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > MAX_RETRY_MS) {
    throw invalid(
      action,
      name,
      `must be an integer from 0 to ${MAX_RETRY_MS} (milliseconds)`,
      value,
    );
  }
  return value as number;
}

/** Makes the `TypeError` for an argument: the action, the argument's name, what is wrong, its value. */
export function invalid(action: string, name: string, fault: string, value?: unknown): TypeError {
  const shown = typeof value === "string" ? JSON.stringify(value.slice(0, 80)) : describe(value);
  return new TypeError(`Cannot ${action}: "${name}" ${fault}${shown && `, got ${shown}`}`);
}

function describe(value: unknown): string {
  if (value === undefined) return "";
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") {
    return `${value}`;
  }
  return value === null ? "null" : `a value of type ${typeof value}`;
}

/**
 * Turns the caller's value into a primitive string, once, and looks at nothing but that string
 * afterwards: an object could answer differently the second time.
 */
function oneLine(action: string, name: string, value: unknown): string {
  const text = coerce(action, name, value);
  if (!ONE_LINE.test(text)) throw invalid(action, name, "contains a line break or NUL", text);
  // What the client gets is UTF-8, which has no lone surrogates: `lastEventId` must match it.
  return toWellFormed(text);
}

function coerce(action: string, name: string, value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "symbol" || typeof value === "function") {
    throw invalid(action, name, "must be a string", value);
  }
  try {
    return `${value as string}`;
  } catch (cause) {
    throw new TypeError(`Cannot ${action}: "${name}" cannot be converted to a string`, { cause });
  }
}

/** Every runtime that the package supports has the method; the ES2022 types do not know it. */
function toWellFormed(text: string): string {
  return (text as string & { toWellFormed(): string }).toWellFormed();
}

function prefixLines(text: string, prefix: string): string {
  return text.includes("\n") || text.includes("\r")
    ? text.replace(LINE_BREAKS, `\n${prefix}`)
    : text;
}
