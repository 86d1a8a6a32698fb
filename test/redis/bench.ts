import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { it } from "vitest";
import type { RedisClient } from "../../src/redis/client.ts";
import { RedisEventLog } from "../../src/redis/event-log.ts";
import { afterEachFile } from "../support/file-end.ts";
import { Line } from "../support/line.ts";
import { CLIENTS, type OpenClient } from "./clients.ts";
import { appendSurely, Diary } from "./diary.ts";
import { RedisServer } from "./redis-server.ts";

/** A log over one kind of client, and what it tells. */
export interface Subject {
  readonly name: string;
  readonly key: string;
  readonly log: RedisEventLog;
  readonly diary: Diary;
}

/** One kind of client for each library and version: they differ in how they connect. */
const MAJORS = ["ioredis 5, RESP2", "ioredis 6, RESP3", "redis 4, RESP2", "redis 5, RESP3"];

/** The kinds that meet the faults; `SOAK` takes all. */
export const KINDS = process.env["SOAK"] ? Object.keys(CLIENTS) : [...MAJORS, "redis 6, RESP3"];

/** All that follow a log here. Until they stop, a reader tries to reach a Redis that is gone. */
const subscriptions: Disposable[] = [];

const follow = Object.getOwnPropertyDescriptor(RedisEventLog.prototype, "follow")!
  .value as RedisEventLog["follow"];
RedisEventLog.prototype.follow = async function (listener) {
  const subscription = await follow.call(this, listener);
  subscriptions.push(subscription);
  return subscription;
};

afterEachFile(() => {
  for (const subscription of subscriptions.splice(0)) subscription[Symbol.dispose]();
});

/** Servers, clients and lines of a test, closed after it. */
export class Bench {
  readonly #clients: OpenClient[] = [];
  readonly #lines: Line[] = [];
  readonly #servers: RedisServer[] = [];

  async start(...args: string[]): Promise<RedisServer> {
    const server = await RedisServer.start(...args);
    this.#servers.push(server);
    return server;
  }

  /** A client of a kind, or of any kind. */
  connect(url: string, name = "ioredis 6, RESP3"): RedisClient {
    const client = CLIENTS[name]!(url);
    this.#clients.push(client);
    return client.client;
  }

  /** A client of ioredis with options of its own, which may be used as well. */
  ioredis(url: string, options: object = {}): Redis {
    const client = new Redis(url, options);
    client.on("error", () => {});
    this.#clients.push({ client, close: () => client.disconnect() });
    return client;
  }

  /** The network between a client and Redis. */
  async lineTo(server: RedisServer): Promise<{ line: Line; url: string }> {
    const line = await Line.to(server.port);
    this.#lines.push(line);
    return { line, url: `redis://127.0.0.1:${line.port}` };
  }

  async open(url: string, name = "ioredis 6, RESP3", maxEntries = 1_000): Promise<Subject> {
    const key = randomUUID();
    const log = new RedisEventLog({ client: this.connect(url, name), key, maxEntries });
    return { name, key, log, diary: await Diary.of(log) };
  }

  /** One of every kind of client, to meet the same fault. */
  openAll(url: string): Promise<Subject[]> {
    return Promise.all(KINDS.map((name) => this.open(url, name)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients.splice(0)) client.close();
    for (const line of this.#lines.splice(0)) line.close();
    await Promise.all(this.#servers.splice(0).map((server) => server[Symbol.asyncDispose]()));
  }
}

/** A test with a bench of its own: most of its time is waiting, so that all may wait at once. */
export function test(name: string, run: (bench: Bench) => Promise<void>, timeoutMs = 60_000): void {
  const runOnBench = async () => {
    const bench = new Bench();
    try {
      await run(bench);
    } finally {
      await bench[Symbol.asyncDispose]();
    }
  };
  it.concurrent(name, runOnBench, timeoutMs);
}

/** Appends to all logs, each until that is acknowledged. */
export async function tellAll(subjects: readonly Subject[], data: string): Promise<void> {
  await Promise.all(subjects.map(({ log }) => appendSurely(log, data)));
}

/** Waits until all diaries have the line. */
export async function readAll(subjects: readonly Subject[], line: string): Promise<void> {
  await Promise.all(subjects.map(({ diary }) => diary.until(line)));
}

/** What all diaries say, by the kind of client. */
export function diariesOf(subjects: readonly Subject[]): Record<string, string[]> {
  return Object.fromEntries(subjects.map(({ name, diary }) => [name, diary.lines]));
}

/** The same for every kind of client. */
export function eachSays(...lines: string[]): Record<string, string[]> {
  return Object.fromEntries(KINDS.map((name) => [name, lines]));
}
