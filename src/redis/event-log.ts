import type { EventLog, EventLogListener, EventMessage, LogEntry } from "../channel/event-log.ts";
import { EventEndpointError } from "../core/errors.ts";
import { invalid } from "../core/frame.ts";
import { readEntries, type RedisClient, type StreamEntry } from "./client.ts";
import { type Feed, GAP, TRANSIENT } from "./feed.ts";
import { findLink, type RedisLink } from "./link.ts";

/** What a {@link RedisEventLog} needs. */
export interface RedisEventLogOptions {
  /** A client of `ioredis` 5 or 6, or of `redis` 4 to 6. Connections of its own are made like it. */
  client: RedisClient;
  /** The key of the channel's stream. Nothing else may write to it. */
  key: string;
  /** Entries that are kept, at least: Redis trims some at a time. Defaults to 1 000. */
  maxEntries?: number | undefined;
}

/** The names of a message's fields in the stream. */
const FIELDS = { data: "d", event: "e", retry: "r", topic: "t" } as const;

/** An id as Redis writes it. */
const STREAM_ID = /^(0|[1-9]\d{0,19})-(0|[1-9]\d{0,19})$/;
const MAX_UINT64 = 2n ** 64n - 1n;

/** How far from now an id may be, whatever the clocks of the machines say. */
const DAY_MS = 86_400_000;

/** How long transient entries stay: so many processes as there are have read them by then. */
const TRANSIENT_MS = 1_000;

/**
 * Keeps a channel in one Redis stream, for any number of processes and machines. The ids of the
 * stream are the ids of the events.
 *
 * An event that `send()` has acknowledged is as safe as Redis is told to keep it. When Redis goes on
 * from an older copy, clients are told as soon as one process finds that something is missing which
 * it has had.
 *
 * In a cluster, each group of keys with a common `{tag}` has a reading connection of its own.
 *
 * @example
 * ```ts
 * const client = new Redis();
 * const channel = new EventChannel({ log: new RedisEventLog({ client, key: "news" }) });
 * ```
 */
export class RedisEventLog implements EventLog {
  readonly maxEntries: number;
  /** A stream is bounded by its length alone. */
  readonly maxAge: number = Infinity;
  /** Likewise. */
  readonly maxBytes: number = Infinity;
  readonly #link: RedisLink;
  readonly #key: string;
  #feed: Feed | undefined;
  /** Transient entries that are still in the stream. */
  #passing: string[] = [];

  /** @throws TypeError if an option is wrong */
  constructor({ client, key, maxEntries = 1_000 }: RedisEventLogOptions) {
    if (typeof key !== "string" || key === "") throw invalid("key", "must be a string", key);
    if (!Number.isSafeInteger(maxEntries) || maxEntries < 1) {
      throw invalid("maxEntries", "must be a positive integer", maxEntries);
    }
    this.#link = findLink(client);
    this.#key = this.#link.keyOf(key);
    this.maxEntries = maxEntries;
  }

  get lastId(): string {
    return this.#feed?.lastId ?? "";
  }

  /**
   * @throws EventEndpointError (by the promise, within 5 s) with code `log-unavailable`; the event
   *   may then still appear later, once
   */
  async append(message: EventMessage): Promise<LogEntry> {
    const fields: string[] = [];
    for (const [name, field] of Object.entries(FIELDS)) {
      const value = message[name as keyof typeof FIELDS];
      if (value != null) fields.push(field, `${value}`);
    }
    if (message.transient) fields.push(TRANSIENT, "");
    const cap = ["MAXLEN", "~", `${this.maxEntries}`];
    const id = await this.#run("append to", "XADD", this.#key, ...cap, "*", ...fields);
    if (!message.transient) return { ...message, id: String(id) };
    this.#forget(String(id));
    return { ...message, id: "" };
  }

  async after(id: string, limit: number): Promise<LogEntry[] | undefined> {
    if (!this.#mayBeKnown(id)) return undefined;
    for (let count = limit + 1; ; count *= 2) {
      const range = [this.#key, id, "+", "COUNT", `${count}`];
      const [first, ...rest] = readEntries(await this.#run("read", "XRANGE", ...range));
      // While the entry itself is there, nothing after it was trimmed, and the history is the same.
      if (first?.id !== id) break;
      if (rest.some(({ fields }) => fields.has(GAP))) break;
      const kept = rest.filter(({ fields }) => fields.has(FIELDS.data) && !fields.has(TRANSIENT));
      if (kept.length >= limit || rest.length < count - 1) {
        return kept.slice(0, limit).map(readEntry);
      }
    }
    // Perhaps nobody knows yet what happened: then `lastId` would be one that is lost as well.
    await this.#attempt("read", async () => this.#feed?.verify(this.#link.run));
    return undefined;
  }

  async follow(listener: EventLogListener): Promise<Disposable> {
    const following = await this.#attempt("follow", () =>
      this.#link.follow(this.#key, {
        // What is no event is there to have an id.
        entry: (entry) => entry.fields.has(FIELDS.data) && listener.entry(readEntry(entry)),
        gap: () => listener.gap(),
      }),
    );
    this.#feed = following.feed;
    return following;
  }

  /** Can Redis have given this id? A forged one must not cost a question. */
  #mayBeKnown(id: string): boolean {
    const [, ms, sequence] = (id.length <= 41 && STREAM_ID.exec(id)) || [];
    if (ms === undefined || sequence === undefined || id === "0-0") return false;
    if (BigInt(ms) > MAX_UINT64 || BigInt(sequence) > MAX_UINT64) return false;
    const latest = Math.max(Date.now(), parseInt(this.lastId, 10) || 0);
    return Number(ms) <= latest + DAY_MS;
  }

  /** Deletes a transient entry once it has been read, so that it pushes no other one out. */
  #forget(id: string): void {
    if (this.#passing.push(id) > 1) return;
    const timer = setTimeout(() => {
      const ids = this.#passing;
      this.#passing = [];
      // Those that stay are trimmed some day.
      this.#link.run("XDEL", this.#key, ...ids).catch(() => {});
    }, TRANSIENT_MS);
    (timer as { unref?(): void }).unref?.();
  }

  #run(what: string, ...args: string[]): Promise<unknown> {
    return this.#attempt(what, () => this.#link.run(...args));
  }

  async #attempt<T>(what: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const text = `Cannot ${what} the log "${this.#key}": ${why}`;
      throw new EventEndpointError("log-unavailable", text, { cause });
    }
  }
}

function readEntry({ id, fields }: StreamEntry): LogEntry {
  const retry = fields.get(FIELDS.retry);
  const transient = fields.has(TRANSIENT);
  return Object.freeze({
    id: transient ? "" : id,
    data: fields.get(FIELDS.data) ?? "",
    event: fields.get(FIELDS.event),
    retry: retry === undefined ? undefined : Number(retry),
    topic: fields.get(FIELDS.topic),
    transient,
  });
}
