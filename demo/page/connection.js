import { find, listEvent, log, show } from "./lists.js";

const STATES = ["CONNECTING", "OPEN", "CLOSED"];
const MAX_LOG_ID_LENGTH = 24;

const ADAPTERS = {
  node: { name: "node:http adapter", code: "new EventEndpoint(req, res)" },
  fetch: { name: "Fetch adapter", code: "new EventEndpoint(request)" },
};

/** This tab's stream: one EventSource after the other, under one token. */
export class Connection {
  #token = createToken();
  #adapter;
  #source;
  #onEvents;
  #opened = 0;
  /** The id of the channel's last event: where the next EventSource goes on. */
  #lastId = "";
  /** Whether the id is to be lost with the stream, and for how long that one is to be away. */
  #forgetForMs;
  #timer;
  #isGoodbye = false;

  /** @param {Record<string, (event: MessageEvent) => void>} onEvents for each type of event */
  constructor(onEvents) {
    this.#onEvents = onEvents;
  }

  get isOpen() {
    return this.#source.readyState === EventSource.OPEN;
  }

  /** Has there been a stream before the one that is open? */
  get isBack() {
    return this.#opened > 1;
  }

  /** Starts a new EventSource, which knows no id but the one in its address. */
  connect(adapter) {
    this.#leave();
    this.#adapter = adapter;
    this.#isGoodbye = false;
    const url = new URL(`events/${adapter}?client=${this.#token}`, location.href);
    if (this.#lastId) url.searchParams.set("lastEventId", this.#lastId);
    this.#source = new EventSource(url);
    this.#listen(this.#source);

    show("code", ADAPTERS[adapter].code);
    show("curl", `curl -N ${new URL(`events/${adapter}`, location.href)}`);
    show("answer", "–");
    this.note("Asking the server for a stream.");
  }

  /** Has the server end the stream. With `forget`, the next one brings no id. */
  async drop(seconds, forget) {
    log("button", `Asking the server to drop this tab for ${seconds} s.`);
    this.#forgetForMs = forget ? seconds * 1000 : undefined;
    await this.#askFor("drop", { seconds });
  }

  async goodbye() {
    log("button", "Asking the server for close(true).");
    await this.#askFor("goodbye");
  }

  /** Sends a message to everybody; resolves to what is wrong with it, or `undefined`. */
  async publish(text) {
    const { error } = await this.#ask("POST", "/messages", { text });
    return error;
  }

  /** Shows the state, with some words. */
  note(text) {
    const { readyState } = this.#source;
    find("state").textContent = find("state").dataset.state = STATES[readyState];
    show("note", text);
    // Not "disabled": a button that has the focus would lose it.
    const isUsable = this.isOpen && !this.#isGoodbye;
    find("drop").setAttribute("aria-disabled", String(!isUsable));
    find("goodbye").setAttribute("aria-disabled", String(!isUsable));
    find("again").setAttribute("aria-disabled", String(this.isOpen));
  }

  #listen(source) {
    source.addEventListener("open", () => {
      show("connections", String(++this.#opened));
      show("answer", "200 OK");
      log("open", `The server answered 200 through the ${ADAPTERS[this.#adapter].name}.`);
      this.note("Events are arriving.");
    });
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) void this.#explainEnd(source);
      else this.#onLost();
    });
    for (const [type, call] of Object.entries(this.#onEvents)) source.addEventListener(type, call);
    source.addEventListener("close", (event) => this.#onGoodbye(event));
  }

  /** Remembers the id of an event that has its place in the channel's log. */
  remember({ lastEventId }) {
    this.#lastId = lastEventId;
    show("last-id", lastEventId);
  }

  #leave() {
    clearTimeout(this.#timer);
    this.#source?.close();
  }

  #onLost() {
    log("error", "The stream ended. EventSource reconnects by itself.");
    if (this.#forgetForMs !== undefined) return this.#forget();
    this.note(
      this.#isGoodbye
        ? "The server said goodbye. The browser asks once more."
        : "The stream ended. The browser comes back by itself, with its last id.",
    );
  }

  #forget() {
    this.#leave();
    this.#lastId = "";
    this.#timer = setTimeout(() => this.connect(this.#adapter), this.#forgetForMs);
    this.#forgetForMs = undefined;
    log("button", "This EventSource is thrown away, and the last id with it.");
    this.note("The stream ended, and the last id is lost. Another one starts soon, without an id.");
  }

  #onGoodbye(event) {
    this.#isGoodbye = true;
    listEvent(event, event.lastEventId);
    show("last-id", event.lastEventId);
    log("close", `The server said goodbye: ${shortenId(event.lastEventId)} is our id now.`);
    this.note("The server said goodbye.");
  }

  /** EventSource does not tell why it gave up, but the server knows what it answered. */
  async #explainEnd(source) {
    this.note("The browser has given up.");
    const { refused } = await this.#ask("GET", "");
    if (source !== this.#source) return;
    if (refused?.count > 0) {
      show("answer", "204 No Content");
      show("seen-id", refused.lastEventId);
      log("closed", `The server saw ${shortenId(refused.lastEventId)} and answered 204.`);
      this.note("The server answered 204. The browser does not come back by itself.");
    } else {
      show("answer", "no event stream");
      log("closed", "The server did not answer with an event stream.");
      this.note("The server did not answer with an event stream.");
    }
  }

  async #askFor(action, body) {
    const { error } = await this.#ask("POST", `/${action}`, body);
    if (!error) return;
    this.#forgetForMs = undefined;
    log("error", `The server did not do that: ${error}.`);
  }

  async #ask(method, path, body) {
    try {
      const response = await fetch(`clients/${this.#token}${path}`, {
        method,
        headers: body ? { "Content-Type": "application/json" } : {},
        body: body && JSON.stringify(body),
      });
      return await response.json();
    } catch {
      return { error: "The server could not be reached" };
    }
  }
}

/** 64 random bits. Not randomUUID(), which is missing from pages that came over plain HTTP. */
function createToken() {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(8));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Ids of closed clients are long. The list of events has them in full. */
function shortenId(id) {
  return id.length > MAX_LOG_ID_LENGTH ? `${id.slice(0, MAX_LOG_ID_LENGTH)}…` : id;
}
