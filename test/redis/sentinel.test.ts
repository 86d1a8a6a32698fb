import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { Redis as Redis5 } from "ioredis-5";
import { expect } from "vitest";
import { findFreePort } from "../support/free-port.ts";
import { RedisEventLog } from "../../src/redis/event-log.ts";
import { within } from "../support/inbox.ts";
import { describeWithProgram, findProgram } from "../support/program.ts";
import { appendSurely, Diary } from "./diary.ts";
import { test } from "./bench.ts";
import type { RedisServer } from "./redis-server.ts";

/** The program that promotes a copy when it misses the server. */
class Sentinel implements AsyncDisposable {
  /** As one of the `sentinels` of ioredis. */
  readonly address: { readonly host: string; readonly port: number };
  readonly #folder: string;
  readonly #process;
  readonly #waiting = new Set<() => void>();
  #output = "";

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.address = { host: "127.0.0.1", port };
    const path = findProgram("redis-server") ?? "redis-server";
    this.#process = spawn(path, [join(folder, "sentinel.conf"), "--sentinel"]);
    this.#process.stdout.on("data", (chunk) => {
      this.#output += String(chunk);
      for (const wake of this.#waiting) wake();
    });
  }

  static async of(server: RedisServer): Promise<Sentinel> {
    const folder = await mkdtemp(join(tmpdir(), "event-endpoint-sentinel-"));
    const port = await findFreePort();
    const lines = [
      `port ${port}`,
      "bind 127.0.0.1",
      `dir ${folder}`,
      `sentinel monitor main 127.0.0.1 ${server.port} 1`,
      "sentinel down-after-milliseconds main 500",
      "sentinel failover-timeout main 3000",
    ];
    await writeFile(join(folder, "sentinel.conf"), lines.join("\n"));
    return new Sentinel(folder, port);
  }

  /** Waits until it says something. */
  async until(word: string): Promise<void> {
    const said = new Promise<void>((resolve) => {
      const wake = () => {
        if (this.#output.includes(word)) resolve();
      };
      this.#waiting.add(wake);
      wake();
    });
    await within(said, `${word} of the sentinel`, 15_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exit = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exit;
    await rm(this.#folder, { recursive: true, force: true });
  }
}

describeWithProgram(["redis-server"], "a log over servers that a sentinel watches", () => {
  test("goes on with the copy that was promoted, and loses nothing that the copy has", async (bench) => {
    const primary = await bench.start();
    await bench.start("--replicaof", "127.0.0.1", `${primary.port}`);
    // The copy is there.
    expect(await primary.command("WAIT", "1", "10000")).toBe(1);
    const sentinel = await Sentinel.of(primary);
    const options = { sentinels: [sentinel.address], name: "main" };
    const clients = [new Redis(options), new Redis5(options)];
    for (const client of clients) client.on("error", () => {});
    try {
      await sentinel.until("+slave");
      const logs = clients.map((client, i) => new RedisEventLog({ client, key: `channel-${i}` }));
      const diaries = await Promise.all(logs.map((log) => Diary.of(log)));
      await Promise.all(logs.map((log) => appendSurely(log, "before")));
      await Promise.all(diaries.map((diary) => diary.until("before")));
      const operator = bench.ioredis(primary.url);
      await operator.set("last", "write");
      expect(await operator.wait(1, 10_000)).toBe(1);

      await primary.kill();
      await sentinel.until("+switch-master");
      await Promise.all(logs.map((log) => appendSurely(log, "after")));
      await Promise.all(diaries.map((diary) => diary.until("after")));
      for (const { lines } of diaries) expect(lines).toEqual(["before", "after"]);
    } finally {
      for (const client of clients) client.disconnect();
      await sentinel[Symbol.asyncDispose]();
    }
  });
});
