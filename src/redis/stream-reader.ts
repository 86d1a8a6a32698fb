import {
  isCluster,
  readStreams,
  type RedisClient,
  type RedisConnection,
  type StreamEntry,
} from "./client.ts";
import { Connection, isErrorReply, pause } from "./connection.ts";
import type { Feed, Run } from "./feed.ts";

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
  /** Runs commands while the reader's own connection is blocked. */
  readonly #command: Run;
  readonly #read: Run = (...args) => this.#connection.run(args, READ_TIMEOUT_MS);
  readonly #feeds = new Map<string, Feed>();
  /** Where the reader can be woken. */
  #blocked: { readonly connection: RedisConnection; readonly id: string } | undefined;
  #isReading = false;

  constructor(client: RedisClient, command: Run) {
    this.#command = command;
    this.#connection = new Connection(client, (connection) => {
      // The connections of a cluster's client are to several servers: each has its own numbers.
      if (isCluster(client)) return;
      // May be forbidden: then a new stream waits until the read comes back.
      connection.ready
        .then(() => connection.send(["CLIENT", "ID"]))
        .then((id) => (this.#blocked = { connection, id: String(id) }))
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
    else this.#wake();
  }

  /** With the last feed the reader ends; it is not to be used again. */
  remove(feed: Feed): void {
    if (this.#feeds.get(feed.key) === feed) this.#feeds.delete(feed.key);
    if (this.#feeds.size === 0) this.#connection.close();
  }

  #wake(): void {
    const { connection, id } = this.#blocked ?? {};
    // Another server, or the same one after a restart, has given the number to somebody else.
    if (id && !connection?.isOver) this.#command("CLIENT", "UNBLOCK", id).catch(() => {});
  }

  async #readAll(): Promise<void> {
    this.#isReading = true;
    while (this.#feeds.size > 0) {
      const all = [...this.#feeds.values()];
      const feeds = all.filter((feed) => !feed.isAiling);
      const ailing = all.filter((feed) => feed.isAiling);
      try {
        if (feeds.length > 0) await this.#readOnce(feeds);
        else await pause(REST_MS);
        await this.#examine(ailing);
      } catch (error) {
        if (this.#feeds.size === 0) break;
        await pause(REST_MS);
        // One key of another type fails the read of all.
        if (isErrorReply(error)) await this.#examine(feeds).catch(() => {});
      }
    }
    this.#isReading = false;
    this.#connection.close();
  }

  async #readOnce(feeds: readonly Feed[]): Promise<void> {
    const keys = feeds.map(({ key }) => key);
    const positions = new Map(feeds.map((feed) => [feed, feed.position]));
    const options = ["COUNT", COUNT, "BLOCK", `${BLOCK_MS}`, "STREAMS"];
    const answer = await this.#read("XREAD", ...options, ...keys, ...positions.values());
    const read = new Map<string, StreamEntry[]>(readStreams(answer));
    // Quiet streams are looked at as well: what replaced one may have lower ids, and never be read.
    const latest = performance.now() - BLOCK_MS;
    const toCheck = feeds.filter(
      ({ key, checkedAt }) => read.size === 0 || read.has(key) || checkedAt < latest,
    );
    const areIntact = await Promise.all(toCheck.map((feed) => feed.isIntact(this.#read)));
    for (const [i, feed] of toCheck.entries()) {
      // It may have left, or been brought elsewhere, since the read was sent.
      const isThere = this.#feeds.get(feed.key) === feed && feed.position === positions.get(feed);
      if (!isThere) continue;
      // Who got an entry that comes after a gap, and not yet the gap, would never hear of it.
      if (areIntact[i]) feed.tell(read.get(feed.key) ?? []);
      else await feed.recover(this.#read);
    }
  }

  /** Finds out which streams can be read. */
  async #examine(feeds: readonly Feed[]): Promise<void> {
    for (const feed of feeds) {
      try {
        if (!(await feed.isIntact(this.#read))) await feed.recover(this.#read);
        feed.isAiling = false;
      } catch (error) {
        if (!isErrorReply(error)) throw error;
        feed.isAiling = true;
      }
    }
  }
}
