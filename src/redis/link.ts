import { isObjectWith } from "../core/events.ts";
import { invalid } from "../core/frame.ts";
import { shared } from "../core/shared.ts";
import type { EntryListener } from "../channel/followers.ts";
import { isCluster, keyPrefixOf, type RedisClient, type StreamEntry } from "./client.ts";
import { Connection } from "./connection.ts";
import { Feed, type Run } from "./feed.ts";
import { StreamReader } from "./stream-reader.ts";

/** Milliseconds after which a command has failed, in whatever state Redis is. */
const TIMEOUT_MS = 4_500;

/** How long the connection stays when nothing is followed. It would keep the process running. */
const IDLE_MS = 500;

/**
 * What one process has with one Redis: a connection for commands and one for reading, however many
 * logs and registries there are with the same client. In a cluster, one for reading each group of
 * keys that are together by their `{tag}`: a command cannot read from several servers.
 */
export class RedisLink {
  /** Runs a command. Rejects within 5 s, whatever happens. */
  readonly run: Run = (...args) => this.#run(args);
  readonly #client: RedisClient;
  readonly #commands: Connection;
  /** By the tag of the keys, which is `""` for all where there is no cluster. */
  readonly #readers = new Map<string, StreamReader>();
  readonly #starting = new Map<string, Promise<Feed>>();
  #pending = 0;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(client: RedisClient) {
    this.#client = client;
    this.#commands = new Connection(client);
  }

  /** The key in Redis of what users call by this name. */
  keyOf(name: string): string {
    return keyPrefixOf(this.#client) + name;
  }

  /** Follows a stream from its end, or from where this process is in it. */
  async follow(key: string, listener: EntryListener<StreamEntry>): Promise<Following> {
    const feed = await this.#open(key);
    const reader = this.#readerOf(key);
    // The last one who followed it may have gone meanwhile.
    if (reader.find(key) !== feed) return this.follow(key, listener);
    const subscription = feed.followers.add(listener);
    return {
      feed,
      [Symbol.dispose]: () => {
        subscription[Symbol.dispose]();
        if (feed.followers.size === 0) this.#stop(reader, feed);
        this.#closeIfIdle();
      },
    };
  }

  #readerOf(key: string): StreamReader {
    const tag = this.#tagOf(key);
    const reader = this.#readers.get(tag) ?? new StreamReader(this.#client, this.run);
    this.#readers.set(tag, reader);
    return reader;
  }

  #stop(reader: StreamReader, feed: Feed): void {
    const tag = this.#tagOf(feed.key);
    reader.remove(feed);
    if (reader.size === 0 && this.#readers.get(tag) === reader) this.#readers.delete(tag);
  }

  #tagOf(key: string): string {
    return isCluster(this.#client) ? (/\{([^}]+)\}/.exec(key)?.[1] ?? key) : "";
  }

  async #open(key: string): Promise<Feed> {
    const known = this.#readerOf(key).find(key) ?? this.#starting.get(key);
    if (known) return known;
    const start = async () => {
      const feed = new Feed(key);
      await feed.goToEnd(this.run);
      this.#readerOf(key).add(feed);
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
    this.#idleTimer = setTimeout(() => {
      if (this.#pending === 0 && !this.#isFollowing) this.#commands.close();
    }, IDLE_MS);
    (this.#idleTimer as { unref?(): void }).unref?.();
  }

  get #isFollowing(): boolean {
    return [...this.#readers.values()].some(({ size }) => size > 0);
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
