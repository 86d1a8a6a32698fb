/** What one client may miss and still get when it is back: one minute of samples. */
const MAX_RECENT = 60;
/** Clients are forgotten this long after their last stream ended. */
const MAX_AWAY_MS = 300_000;
/** Clients that are remembered at a time. Those without a stream go first, oldest first. */
const MAX_CLIENTS = 1000;

/** A client's event ids: its token, then its own sequence. */
const EVENT_ID = /^([0-9a-f]{16})-(\d{1,12})$/;

/**
 * Somebody who follows the stream, over all of their connections.
 *
 * Every event has an id of its own, `<token>-<sequence>`, which no other client has: `close(true)`
 * remembers a client by its last id, so an id that two clients share would stop both of them. The
 * sequence never starts over, and tells after a reconnect what the client has missed.
 */
class Client {
  /** The streams that are open. One, unless somebody opens the same address twice. */
  #streams = new Set();
  #connections = 0;
  #sequence = 0;
  /** The last events, also those that were published while the client was away. */
  #recent = [];
  #awaySince = performance.now();
  /** How its last stream ended: a `CloseEvent.code`. */
  #endedWith = null;
  /** The requests that were answered with 204, and the id which the last of them brought. */
  #refused = { count: 0, lastEventId: null };

  constructor(token) {
    this.token = token;
  }

  get isOnline() {
    return this.#streams.size > 0;
  }

  isForgotten(now) {
    return !this.isOnline && now - this.#awaySince > MAX_AWAY_MS;
  }

  /** The server's view, for a page that was turned away and gets no events any more. */
  describe() {
    return {
      client: this.token,
      connections: this.#connections,
      streams: this.#streams.size,
      endedWith: this.#endedWith,
      refused: this.#refused,
    };
  }

  /**
   * Takes over a new stream: what was missed comes first, then `hello` with what the server knows.
   *
   * @param {import("event-endpoint").EventEndpoint} events
   * @param {{ adapter: string, header: string | undefined, machine: object, history: object[] }} context
   *   among it the `Last-Event-ID` as it came: `events.lastEventId` never is a closing id
   */
  join(events, { adapter, header = "", machine, history }) {
    events.addEventListener("close", ({ code }) => {
      this.#streams.delete(events);
      this.#awaySince = performance.now();
      if (code !== "refused") this.#endedWith = code;
      else this.#refused = { count: this.#refused.count + 1, lastEventId: header };
    });
    // Answered with 204, or a HEAD request.
    if (events.closed) return;

    // What it brought: with the first event that is sent, this becomes the id of that one.
    const { lastEventId } = events;
    const cursor = this.#readCursor(lastEventId);
    const missed = this.#recent.filter(({ sequence }) => sequence > cursor);
    // A server that has been restarted knows nothing of this client, but goes on in its sequence.
    if (cursor !== Infinity) this.#sequence = Math.max(this.#sequence, cursor);
    for (const { event, data, id } of missed) events.sendEvent(event, data, id);
    events.sendEvent(
      "hello",
      {
        connection: ++this.#connections,
        lastEventId,
        replayed: missed.length,
        endedWith: this.#endedWith,
        adapter,
        machine,
        // Who was here before has a chart already.
        history: cursor === Infinity || this.#recent.length === 0 ? history : [],
      },
      this.#nextId(),
    );
    this.#streams.add(events);
  }

  /** Sends an event to the client; while it is away, keeps it. */
  publish(event, data) {
    const id = this.#nextId();
    this.#recent.push({ sequence: this.#sequence, event, data, id });
    if (this.#recent.length > MAX_RECENT) this.#recent.shift();
    for (const events of this.#streams) events.sendEvent(event, data, id);
  }

  /** Ends its streams; see `EventEndpoint.close()`. The client may not take what is left. */
  close(options) {
    return Promise.all(Array.from(this.#streams, (events) => events.close(options)));
  }

  #nextId() {
    return `${this.token}-${++this.#sequence}`;
  }

  /** The place in the sequence that the client has reached; `Infinity` if it does not say. */
  #readCursor(lastEventId) {
    const [, token, sequence] = EVENT_ID.exec(lastEventId) ?? [];
    return token === this.token ? Number(sequence) : Infinity;
  }
}

/** The clients of the last minutes, by their tokens. */
export class Clients {
  #clients = new Map();

  get(token) {
    return this.#clients.get(token);
  }

  getOrCreate(token) {
    let client = this.#clients.get(token);
    if (!client) {
      client = new Client(token);
      this.#clients.set(token, client);
      this.#makeRoom();
    }
    return client;
  }

  publish(event, data) {
    const now = performance.now();
    for (const client of this.#clients.values()) {
      if (client.isForgotten(now)) this.#clients.delete(client.token);
      else client.publish(event, data);
    }
  }

  close(options) {
    return Promise.all(Array.from(this.#clients.values(), (client) => client.close(options)));
  }

  #makeRoom() {
    if (this.#clients.size <= MAX_CLIENTS) return;
    for (const client of this.#clients.values()) {
      if (client.isOnline) continue;
      this.#clients.delete(client.token);
      return;
    }
  }
}
