import { MemoryClosedClients, type MemoryClosedClientsOptions } from "../core/closed-clients.ts";
import { silence } from "../core/errors.ts";
import { invalid } from "../core/frame.ts";
import type { ClosedClients } from "../core/types.ts";
import { readEntries, type RedisClient, type StreamEntry } from "./client.ts";
import { pause } from "./connection.ts";
import { findLink, type Following, type RedisLink } from "./link.ts";

/** What {@link RedisClosedClients} needs. */
export interface RedisClosedClientsOptions extends MemoryClosedClientsOptions {
  /** A client of `ioredis` 5 or 6, or of `redis` 4 to 6. Connections of its own are made like it. */
  client: RedisClient;
  /** The key of the stream in which marks are passed on. Nothing else may write to it. */
  key: string;
}

/** The field of a mark in the stream. */
const ID = "id";

/** Marks that are read at once when a process starts. */
const PAGE = 1_000;

/** Rest before Redis is asked again. */
const RETRY_MS = 1_000;

/**
 * A registry that all processes share. Each has all marks in memory, so that looking one up asks
 * nobody; while Redis is away it goes on with what it has.
 */
export class RedisClosedClients implements ClosedClients {
  /** Resolves once the marks of the other processes have been read. Never rejects. */
  readonly ready: Promise<void>;
  readonly #link: RedisLink;
  readonly #key: string;
  readonly #ttlMs: number;
  readonly #maxEntries: number;
  readonly #marks: MemoryClosedClients;
  #following: Following | undefined;
  #isClosed = false;

  /** @throws TypeError if an option is wrong */
  constructor({ client, key, ttl = 3_600_000, maxEntries = 100_000 }: RedisClosedClientsOptions) {
    if (typeof key !== "string" || key === "") throw invalid("key", "must be a string", key);
    this.#marks = new MemoryClosedClients({ ttl, maxEntries });
    this.#link = findLink(client);
    this.#key = this.#link.keyOf(key);
    this.#ttlMs = ttl;
    this.#maxEntries = maxEntries;
    this.ready = this.#start();
  }

  has(id: string): boolean {
    return this.#marks.has(id);
  }

  /**
   * Marks the client here at once, and everywhere else soon.
   *
   * @returns a promise that rejects if Redis did not take the mark; an endpoint tells its `onError`
   */
  add(id: string): Promise<void> {
    this.#marks.add(id);
    const cap = ["MAXLEN", "~", `${this.#maxEntries}`];
    const told = this.#link.run("XADD", this.#key, ...cap, "*", ID, id).then(() => {});
    // Nobody has to wait for it.
    silence(told);
    return told;
  }

  /** Stops following the other processes, so that this one can end. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#following?.[Symbol.dispose]();
  }

  async #start(): Promise<void> {
    while (!this.#isClosed) {
      try {
        await this.#follow();
        return await this.#load();
      } catch {
        // Clients whose marks are missing are let in meanwhile.
        await pause(RETRY_MS);
      }
    }
  }

  async #follow(): Promise<void> {
    this.#following ??= await this.#link.follow(this.#key, {
      entry: (entry) => this.#take(entry, 0),
      gap: () => void this.#start(),
    });
    if (this.#isClosed) this.#following[Symbol.dispose]();
  }

  /** Reads the marks that still count. */
  async #load(): Promise<void> {
    const [seconds] = (await this.#link.run("TIME")) as [unknown];
    const now = Number(seconds) * 1_000;
    for (let from = `${Math.max(0, now - this.#ttlMs)}`; ;) {
      const range = [this.#key, from, "+", "COUNT", `${PAGE}`];
      const entries = readEntries(await this.#link.run("XRANGE", ...range));
      for (const entry of entries) this.#take(entry, Math.max(0, now - parseInt(entry.id, 10)));
      if (entries.length < PAGE) return;
      from = `(${entries.at(-1)?.id}`;
    }
  }

  #take({ fields }: StreamEntry, age: number): void {
    const id = fields.get(ID);
    if (id !== undefined) this.#marks.add(id, age);
  }
}
