import { isObjectWith } from "../core/events.ts";
import { invalid } from "../core/frame.ts";
import { shared } from "../core/shared.ts";
import type { EntryListener } from "../channel/followers.ts";
import { keyPrefixOf, type RedisClient, type StreamEntry } from "./client.ts";
import { Connection } from "./connection.ts";
import { Feed, type Run } from "./feed.ts";
import { StreamReader } from "./stream-reader.ts";

/** Milliseconds after which a command has failed, in whatever state Redis is. */
const TIMEOUT_MS = 4_500;

/** How long the connection stays when nothing is followed. It would keep the process running. */
const IDLE_MS = 500;

/**
 * What one process has with one Redis: a connection for commands and one for reading, however many
 * logs and registries there are with the same client.
 */
export class RedisLink {
  /** Runs a command. Rejects within 5 s, whatever happens. */
  readonly run: Run = (...args) => this.#run(args);
  readonly #commands: Connection;
  readonly #reader: StreamReader;
  readonly #starting = new Map<string, Promise<Feed>>();
  #pending = 0;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(client: RedisClient) {
    this.#commands = new Connection(client);
    this.#reader = new StreamReader(client, keyPrefixOf(client), this.run);
  }

  /** Follows a stream from its end, or from where this process is in it. */
  async follow(key: string, listener: EntryListener<StreamEntry>): Promise<Following> {
    const feed = await this.#open(key);
    // The last one who followed it may have gone meanwhile.
    if (this.#reader.find(key) !== feed) return this.follow(key, listener);
    const subscription = feed.followers.add(listener);
    return {
      feed,
      [Symbol.dispose]: () => {
        subscription[Symbol.dispose]();
        if (feed.followers.size === 0) this.#reader.remove(feed);
        this.#closeIfIdle();
      },
    };
  }

  async #open(key: string): Promise<Feed> {
    const known = this.#reader.find(key) ?? this.#starting.get(key);
    if (known) return known;
    const start = async () => {
      const feed = new Feed(key);
      await feed.goToEnd(this.run);
      this.#reader.add(feed);
      return feed;
    };
    const starting = start().finally(() => this.#starting.delete(key));
    this.#starting.set(key, starting);
    return starting;
  }

  async #run(args: readonly string[]): Promise<unknown> {
    this.#pending++;
    try {
      return await this.#commands.run(args, TIMEOUT_MS);
    } finally {
      this.#pending--;
      this.#closeIfIdle();
    }
  }

  #closeIfIdle(): void {
    clearTimeout(this.#idleTimer);
    if (this.#pending > 0 || this.#reader.size > 0) return;
    this.#idleTimer = setTimeout(() => this.#commands.close(), IDLE_MS);
    (this.#idleTimer as { unref?(): void }).unref?.();
  }
}

/** Somebody's following of a stream. */
export interface Following extends Disposable {
  readonly feed: Feed;
}

/** Gets the link that all who use this client have in common. @throws TypeError if it is none. */
export function findLink(client: RedisClient): RedisLink {
  if (!isObjectWith(client, "duplicate")) {
    throw invalid("client", "must be a client of ioredis or redis", client);
  }
  const links = shared("redis-links", () => new WeakMap<RedisClient, RedisLink>());
  const link = links.get(client) ?? new RedisLink(client);
  links.set(client, link);
  return link;
}
