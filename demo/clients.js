/** Clients that are remembered at a time. Those without a stream go first, oldest first. */
const MAX_CLIENTS = 1000;
/** Messages that one client may publish at once, and then one for each interval. */
const MAX_MESSAGES = 5;
const MESSAGE_INTERVAL_MS = 1000;

/**
 * Somebody who follows the stream, over all of their connections. What they have missed is not
 * kept here: that is what the channel's log is for.
 */
class Client {
  /** The streams that are open. One, unless somebody opens the same address twice. */
  #streams = new Set();
  #connections = 0;
  /** How its last stream ended: a `CloseEvent.code`. */
  #endedWith = null;
  /** The requests that were answered with 204, and the id which the last of them brought. */
  #refused = { count: 0, lastEventId: null };
  /** When the last of its messages would have come if it had published one for each interval. */
  #spentUntil = -Infinity;

  constructor(number) {
    this.number = number;
  }

  get isOnline() {
    return this.#streams.size > 0;
  }

  /** The server's view, for a page that was turned away and gets no events any more. */
  describe() {
    return {
      number: this.number,
      connections: this.#connections,
      streams: this.#streams.size,
      endedWith: this.#endedWith,
      refused: this.#refused,
    };
  }

  /**
   * Takes over a new stream.
   *
   * @param {import("event-endpoint").EventEndpoint} events
   * @param {string} header the `Last-Event-ID` as it came: `events.lastEventId` never is a closing id
   */
  follow(events, header = "") {
    events.addEventListener("close", ({ code }) => {
      this.#streams.delete(events);
      if (code !== "refused") this.#endedWith = code;
      else this.#refused = { count: this.#refused.count + 1, lastEventId: header };
    });
    // Answered with 204, or a HEAD request.
    if (events.closed) return;
    this.#streams.add(events);
    this.#connections++;
  }

  /** May it publish a message now? Asking counts. */
  mayPublish(now = performance.now()) {
    const spentUntil = Math.max(this.#spentUntil, now) + MESSAGE_INTERVAL_MS;
    if (spentUntil > now + MAX_MESSAGES * MESSAGE_INTERVAL_MS) return false;
    this.#spentUntil = spentUntil;
    return true;
  }

  /** Ends its streams; see `EventEndpoint.close()`. */
  close(options) {
    // Not awaited: a client that does not read would keep whoever asks waiting.
    for (const events of this.#streams) void events.close(options);
  }
}

/** The clients that came last, by their tokens. */
export class Clients {
  #clients = new Map();
  #count = 0;

  get(token) {
    return this.#clients.get(token);
  }

  getOrCreate(token) {
    let client = this.#clients.get(token);
    if (!client) {
      client = new Client(++this.#count);
      this.#clients.set(token, client);
      this.#makeRoom();
    }
    return client;
  }

  #makeRoom() {
    if (this.#clients.size <= MAX_CLIENTS) return;
    for (const [token, client] of this.#clients) {
      if (client.isOnline) continue;
      this.#clients.delete(token);
      return;
    }
  }
}
