/** One event as a client gets it. */
export interface ParsedEvent {
  /** Its type; `message` if the server gave none. */
  event: string;
  /** Its lines, joined with LF. */
  data: string;
  /** The last event id as of this event: what a client would return now. `""` if none. */
  id: string;
  /** Milliseconds to wait before a reconnect, if this event or a frame before it set them. */
  retry: number | undefined;
}

/**
 * Turns the text of an event stream into events, however it is cut into pieces.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export class EventStreamParser {
  readonly #onEvent: (event: ParsedEvent) => void;
  /** The beginning of a line whose end has not come. */
  #rest = "";
  /** Whether the next LF belongs to a CR that ended the line before. */
  #afterCr = false;
  #atStart = true;
  #data: string[] = [];
  #event = "";
  #id: string;
  #retry: number | undefined;

  /** @param lastEventId what the client has got before */
  constructor(onEvent: (event: ParsedEvent) => void, lastEventId = "") {
    this.#onEvent = onEvent;
    this.#id = lastEventId;
  }

  /** Takes the next piece. A line without its end waits for the rest; at the end it is dropped. */
  push(text: string): void {
    if (text === "") return;
    let piece = text;
    if (this.#atStart) {
      this.#atStart = false;
      piece = piece.replace(/^\ufeff/, "");
    }
    if (this.#afterCr) piece = piece.replace(/^\n/, "");
    this.#afterCr = piece === "" ? false : piece.endsWith("\r");
    const [first = "", ...others] = piece.split(/\r\n|\r|\n/);
    // Only the piece is searched: a long line may come in many.
    const lines = [this.#rest + first, ...others];
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#readLine(line);
  }

  #readLine(line: string): void {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.#data.push(value);
    if (name === "event") this.#event = value;
    // A NUL makes clients ignore the id, and keep the one before.
    if (name === "id" && !value.includes("\0")) this.#id = value;
    if (name === "retry" && /^[0-9]+$/.test(value)) this.#retry = Number(value);
  }

  #dispatch(): void {
    const data = this.#data;
    const event = this.#event || "message";
    this.#data = [];
    this.#event = "";
    // Without a line of data it is no event, though its id and retry count.
    if (data.length === 0) return;
    this.#onEvent({ event, data: data.join("\n"), id: this.#id, retry: this.#retry });
  }
}
