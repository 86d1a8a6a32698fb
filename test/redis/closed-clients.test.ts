import { expect } from "vitest";
import { RedisClosedClients } from "../../src/redis/closed-clients.ts";
import { within } from "../support/inbox.ts";
import { describeWithProgram } from "../support/program.ts";
import { type Bench, KINDS, test } from "./bench.ts";

/** Waits for what another process has to hear of. */
async function until(isTrue: () => boolean, what: string): Promise<void> {
  let isOver = false;
  const poll = async () => {
    while (!isOver && !isTrue()) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  await within(poll(), what, 6_000).finally(() => (isOver = true));
}

describeWithProgram(["redis-server"], "closed clients in Redis", () => {
  const open = async (bench: Bench, url: string, kind: string) => {
    const registry = new RedisClosedClients({ client: bench.connect(url, kind), key: "closed" });
    await registry.ready;
    return registry;
  };
  /** A registry of a process of its own, for every kind of client. */
  const openAll = (bench: Bench, url: string) =>
    Promise.all(KINDS.map((kind) => open(bench, url, kind)));

  test("are known to every process, also to one that starts later", async (bench) => {
    const server = await bench.start();
    const registries = await openAll(bench, server.url);
    for (const [i, registry] of registries.entries()) {
      void registry.add(`of ${i}`);
      expect(registry.has(`of ${i}`)).toBe(true);
    }
    const ids = registries.map((_, i) => `of ${i}`);
    const knowsAll = (registry: RedisClosedClients) => ids.every((id) => registry.has(id));
    await until(() => registries.every(knowsAll), "mark in every process");
    const later = await openAll(bench, server.url);
    expect(later.every(knowsAll)).toBe(true);
    for (const each of [...registries, ...later]) each[Symbol.dispose]();
  });

  test("are asked for without a word to Redis", async (bench) => {
    const server = await bench.start();
    using registry = await open(bench, server.url, KINDS[0]!);
    await server.kill();
    for (let i = 0; i < 1_000; i++) expect(registry.has(`${i}`)).toBe(false);
  });

  test("count for as long as they were closed, whoever reads of it when", async (bench) => {
    const server = await bench.start();
    const minute = 60_000;
    const at = (minutes: number) => `${Date.now() - minutes * minute}-0`;
    for (const [minutes, id] of [
      [90, "old"],
      [59, "nearly"],
      [1, "new"],
    ] as const) {
      await server.command("XADD", "closed", at(minutes), "id", id);
    }
    using registry = await open(bench, server.url, KINDS[0]!);
    expect(["old", "nearly", "new"].map((id) => registry.has(id))).toEqual([false, true, true]);
  });

  test("are more than one answer holds", async (bench) => {
    const server = await bench.start();
    const fill = `for n = 1, 2500 do redis.call("XADD", KEYS[1], "*", "id", n) end`;
    await server.command("EVAL", fill, "1", "closed");
    using registry = await open(bench, server.url, KINDS[0]!);
    const known = Array.from({ length: 2_500 }, (_, n) => registry.has(`${n + 1}`));
    expect(known.filter(Boolean)).toHaveLength(2_500);
  });

  test("stay known here while Redis is away, and everywhere when it is back", async (bench) => {
    const server = await bench.start("--appendonly", "yes", "--appendfsync", "always");
    const registries = await openAll(bench, server.url);
    await server.kill();
    const answers = registries.map(async (registry, i) => {
      await expect(registry.add(`lost ${i}`)).rejects.toThrow();
      expect(registry.has(`lost ${i}`)).toBe(true);
    });
    await Promise.all(answers);
    await server.restart();
    await Promise.all(registries.map((registry, i) => registry.add(`after ${i}`).catch(() => {})));
    const knows = (registry: RedisClosedClients) =>
      registries.every((_, i) => registry.has(`after ${i}`));
    await until(() => registries.every(knows), "mark in every process");
    for (const registry of registries) registry[Symbol.dispose]();
  });

  test("are not forgotten here when Redis forgets them", async (bench) => {
    const server = await bench.start();
    const registries = await openAll(bench, server.url);
    const [first] = registries as [RedisClosedClients];
    await first.add("7");
    await until(() => registries.every((each) => each.has("7")), "mark in every process");
    await server.command("FLUSHALL");
    await first.add("8");
    await until(() => registries.every((each) => each.has("8")), "mark after FLUSHALL");
    expect(registries.every((each) => each.has("7"))).toBe(true);
    for (const registry of registries) registry[Symbol.dispose]();
  });
});
