import { readStreams, type RedisClient, type StreamEntry } from "./client.ts";
import { Connection, isErrorReply, pause } from "./connection.ts";
import type { Feed } from "./feed.ts";
import { type Run } from "./feed.ts";

/** How long Redis holds a read to which there is no answer yet. */
const BLOCK_MS = 1_000;

/** When a read is taken for dead: Redis answers after `BLOCK_MS` at the latest. */
const READ_TIMEOUT_MS = 2 * BLOCK_MS;

/** Rest after a fault. */
const REST_MS = 250;

/** Entries of each stream in one answer. */
const COUNT = "100";

/** The one reader of a process: a blocking XREAD over all streams that somebody follows. */
export class StreamReader {
  readonly #connection: Connection;
  readonly #keyPrefix: string;
  /** Runs commands while the reader's own connection is blocked. */
  readonly #command: Run;
  readonly #read: Run = (...args) => this.#connection.run(args, READ_TIMEOUT_MS);
  readonly #feeds = new Map<string, Feed>();
  /** Where the reader's connection can be woken. */
  #clientId = "";
  #isReading = false;

  constructor(client: RedisClient, keyPrefix: string, command: Run) {
    this.#keyPrefix = keyPrefix;
    this.#command = command;
    this.#connection = new Connection(client, (connection) => {
      this.#clientId = "";
      // May be forbidden: then a new stream waits until the read comes back.
      connection.ready
        .then(() => connection.send(["CLIENT", "ID"]))
        .then((id) => (this.#clientId = String(id)))
        .catch(() => {});
    });
  }

  /** How many streams are followed. */
  get size(): number {
    return this.#feeds.size;
  }

  /** The feed of a key, if somebody follows it. */
  find(key: string): Feed | undefined {
    return this.#feeds.get(key);
  }

  /** Reads the feed from now on. It has been brought to the end of its stream. */
  add(feed: Feed): void {
    this.#feeds.set(feed.key, feed);
    if (!this.#isReading) void this.#readAll();
    else if (this.#clientId) this.#command("CLIENT", "UNBLOCK", this.#clientId).catch(() => {});
  }

  remove(feed: Feed): void {
    this.#feeds.delete(feed.key);
    if (this.#feeds.size === 0) this.#connection.close();
  }

  async #readAll(): Promise<void> {
    this.#isReading = true;
    while (this.#feeds.size > 0) {
      const feeds = [...this.#feeds.values()].filter((feed) => !feed.isAiling);
      try {
        if (feeds.length > 0) await this.#readOnce(feeds);
        if (feeds.length < this.#feeds.size) await this.#examine();
        if (feeds.length === 0) await pause(REST_MS);
      } catch (error) {
        if (this.#feeds.size === 0) break;
        await pause(REST_MS);
        // One key of another type fails the read of all.
        if (isErrorReply(error)) await this.#examine().catch(() => {});
      }
    }
    this.#isReading = false;
    this.#connection.close();
  }

  async #readOnce(feeds: readonly Feed[]): Promise<void> {
    const keys = feeds.map(({ key }) => key);
    const positions = feeds.map(({ position }) => position);
    const options = ["COUNT", COUNT, "BLOCK", `${BLOCK_MS}`, "STREAMS"];
    const answer = await this.#read("XREAD", ...options, ...keys, ...positions);
    const read = new Map<string, StreamEntry[]>(readStreams(answer));
    // Quiet streams are looked at as well, when there is time for it.
    const toCheck = feeds.filter(({ key }) => read.size === 0 || read.has(this.#keyPrefix + key));
    const areIntact = await Promise.all(toCheck.map((feed) => feed.isIntact(this.#read)));
    for (const [i, feed] of toCheck.entries()) {
      if (this.#feeds.get(feed.key) !== feed) continue;
      feed.tell(read.get(this.#keyPrefix + feed.key) ?? []);
      if (!areIntact[i]) await this.#recover(feed);
    }
  }

  /** Finds out which streams can be read. */
  async #examine(): Promise<void> {
    for (const feed of [...this.#feeds.values()]) {
      try {
        const isIntact = await feed.isIntact(this.#read);
        if (!isIntact) await this.#recover(feed);
        feed.isAiling = false;
      } catch (error) {
        if (!isErrorReply(error)) throw error;
        feed.isAiling = true;
      }
    }
  }

  /** The stream is another one now, or was trimmed before it was read. */
  async #recover(feed: Feed): Promise<void> {
    await feed.goToEnd(this.#read);
    feed.followers.gap();
  }
}
