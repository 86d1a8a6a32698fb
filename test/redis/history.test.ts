import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { EventLog } from "../../src/channel/event-log.ts";
import { RedisEventLog } from "../../src/redis/event-log.ts";
import { describeWithProgram } from "../support/program.ts";
import "../support/seed.ts";
import { Bench, diariesOf, eachSays, KINDS, readAll, tellAll, test } from "./bench.ts";
import { appendSurely, Diary } from "./diary.ts";
import { NaiveEventLog } from "./naive-event-log.ts";
import type { RedisServer } from "./redis-server.ts";

/** Users of the isolation test. */
const USERS = process.env["SOAK"] ? 1_000 : 20;

/** Makes Redis forget what comes from now on, as fail-over to a copy does that is behind. */
async function keepCopy(server: RedisServer): Promise<() => Promise<void>> {
  await server.command("SAVE");
  const copy = join(server.folder, "copy.rdb");
  await copyFile(join(server.folder, "dump.rdb"), copy);
  return async () => {
    await server.kill();
    await copyFile(copy, join(server.folder, "dump.rdb"));
    await server.restart();
  };
}

async function countCommands(server: RedisServer): Promise<number> {
  const stats = String(await server.command("INFO", "commandstats"));
  const [, reads] = /cmdstat_xrange:calls=(\d+)/.exec(stats) ?? [];
  return Number(reads ?? 0);
}

describeWithProgram(["redis-server"], "the history of a log in Redis", () => {
  describe("an id that Redis cannot have given", () => {
    test("costs no command, whatever its form", async (bench) => {
      const server = await bench.start();
      const client = bench.connect(server.url);
      const log = new RedisEventLog({ client, key: "news" });
      const { id } = await log.append({ data: "1" });
      const [ms, sequence] = id.split("-") as [string, string];
      const day = 86_400_000;
      const forged = [
        ...[
          "",
          "0",
          "0-0",
          "1",
          " 1-0",
          "+1-0",
          "01-00",
          "$",
          "-",
          "+",
          "(",
          "*",
          ">",
          "1e3",
          "-1",
        ],
        ...[`(${id}`, `[${id}`, ` ${id}`, `${id} `, `${id}\n`, `${id}\0`, `+${id}`, `-${id}`, ms],
        ...[`${ms}-`, `-${sequence}`, `${ms}-*`, `${ms}-0${sequence}`, `0${ms}-${sequence}`],
        ...[`${ms}-${2n ** 64n}`, `${2n ** 64n}-0`, `${"9".repeat(20)}-0`, "9".repeat(1_000)],
        ...["18446744073709551615-18446744073709551615", `${Number(ms) + 2 * day}-0`],
        ...["earliest", "now", "1.5-0", "1-1-1", "é-1", "１-0", "0x1-0", `${ms}-${"0".repeat(30)}`],
      ];
      await server.command("CONFIG", "RESETSTAT");
      for (const each of forged) expect(await log.after(each, 10), each).toBeUndefined();
      expect(await countCommands(server)).toBe(0);
      // One that could have been given costs one, and finds nothing either.
      expect(await log.after(`${Number(ms) - 1}-0`, 10)).toBeUndefined();
      expect(await log.after(`${ms}-${Number(sequence) + 1}`, 10)).toBeUndefined();
      expect(await countCommands(server)).toBe(2);
      expect(await log.after(id, 10)).toEqual([]);
    });

    test("yields nothing of the log, whatever it is", async (bench) => {
      const server = await bench.start();
      const log = new RedisEventLog({ client: bench.connect(server.url), key: "news" });
      const { id } = await log.append({ data: "1" });
      await log.append({ data: "2" });
      const parts = fc.constantFrom(...id.split("-"), "-", "+", "(", "$", "0", "1", " ", "*", "9");
      const ids = fc.array(parts, { maxLength: 6 }).map((each) => each.join(""));
      await fc.assert(
        fc.asyncProperty(ids, async (forged) => {
          fc.pre(forged !== id);
          const answer = await log.after(forged, 10);
          // The one after it is the only other one that was given.
          expect(answer === undefined || answer.length === 0).toBe(true);
        }),
        { numRuns: 300 },
      );
    });
  });

  test(`is nobody else's: ${USERS} users with each other's cursors get nothing`, async (bench) => {
    const server = await bench.start();
    const client = bench.connect(server.url);
    const users = await Promise.all(
      Array.from({ length: USERS * 3 }, async (_, i) => {
        const log = new RedisEventLog({ client, key: `user ${i}` });
        const ids: string[] = [];
        for (let n = 0; n < 3; n++) ids.push((await log.append({ data: `secret of ${i}` })).id);
        return { log, ids };
      }),
    );
    const any = fc.nat(users.length - 1);
    await fc.assert(
      fc.asyncProperty(any, any, fc.nat(2), async (reader, owner, n) => {
        const { log } = users[reader]!;
        const answer = (await log.after(users[owner]!.ids[n]!, 10)) ?? [];
        const foreign = answer.filter(({ data }) => data !== `secret of ${reader}`);
        expect(foreign).toEqual([]);
        // Two streams may have given the same id; what is after it is the reader's own.
        if (reader === owner) expect(answer).toHaveLength(2 - n);
      }),
      { numRuns: process.env["SOAK"] ? 100_000 : 500 },
    );
  });

  test("that is trimmed under a cursor is not known any more", async (bench) => {
    const server = await bench.start();
    const { log, diary, key } = await bench.open(server.url);
    const ids: string[] = [];
    for (let n = 0; n < 4; n++) ids.push((await log.append({ data: `${n}` })).id);
    await diary.until("3");
    await server.command("XTRIM", key, "MAXLEN", "2");
    const known = await Promise.all(ids.map(async (id) => (await log.after(id, 10))?.length));
    expect(known).toEqual([undefined, undefined, 1, 0]);
    expect(diary.gaps).toBe(0);
    await server.command("XTRIM", key, "MAXLEN", "0");
    await diary.until("gap");
    await appendSurely(log, "after");
    await diary.until("after");
    expect(diary.lines.slice(-3)).toEqual(["3", "gap", "after"]);
  });

  test("that is trimmed before a process has read it has one gap", async (bench) => {
    const server = await bench.start();
    const subjects = await bench.openAll(server.url);
    const burst = `for n = 1, 300 do redis.call("XADD", KEYS[1], "*", "d", n) end
      redis.call("XTRIM", KEYS[1], "MAXLEN", 10)`;
    for (const { key } of subjects) await server.command("EVAL", burst, "1", key);
    await readAll(subjects, "gap");
    await tellAll(subjects, "after");
    await readAll(subjects, "after");
    expect(diariesOf(subjects)).toEqual(eachSays("gap", "after"));
  });

  describe("that goes on from an older copy", () => {
    const lose = async (bench: Bench) => {
      const server = await bench.start();
      const subjects = await bench.openAll(server.url);
      // Another process for each, which reads the same.
      const others = await Promise.all(
        subjects.map(async ({ key, name }) => {
          const log = new RedisEventLog({ client: bench.connect(server.url, name), key });
          return { name, key, log, diary: await Diary.of(log) };
        }),
      );
      const all = [...subjects, ...others];
      const kept = await Promise.all(subjects.map(({ log }) => appendSurely(log, "kept")));
      const restore = await keepCopy(server);
      const lost = await Promise.all(subjects.map(({ log }) => appendSurely(log, "lost")));
      await readAll(all, "lost");
      await restore();
      return { server, subjects, others, all, kept, lost };
    };

    test("tells every process one gap, and whoever resumes from before it", async (bench) => {
      const { subjects, others, all, kept, lost } = await lose(bench);
      await readAll(all, "gap");
      await tellAll(subjects, "after");
      await readAll(all, "after");
      expect(diariesOf(subjects)).toEqual(eachSays("kept", "lost", "gap", "after"));
      expect(diariesOf(others)).toEqual(eachSays("kept", "lost", "gap", "after"));
      for (const [i, { log, diary }] of all.entries()) {
        const index = i % subjects.length;
        expect(await log.after(lost[index]!, 10)).toBeUndefined();
        // It is there, but what came next is not.
        expect(await log.after(kept[index]!, 10)).toBeUndefined();
        expect(await log.after(diary.ids.at(-1)!, 10)).toEqual([]);
      }
    });

    test("is taken for the same by a log that only looks for what is after an id", async (bench) => {
      const server = await bench.start();
      const client = bench.ioredis(server.url);
      const naive: EventLog = new NaiveEventLog(client, "news");
      const { id: kept } = await naive.append({ data: "kept" });
      const restore = await keepCopy(server);
      const { id: lost } = await naive.append({ data: "lost" });
      await restore();
      const { id: after } = await naive.append({ data: "after" });
      // It says nothing of what is missing, to neither of them.
      for (const id of [kept, lost])
        expect(await naive.after(id, 10)).toMatchObject([{ id: after }]);
      await server.command("FLUSHALL");
      expect(await naive.after(after, 10)).toEqual([]);
    });
  });

  test("whose ids begin lower again starves nobody, beside a channel that never rests", async (bench) => {
    const server = await bench.start();
    const subjects = await Promise.all(
      KINDS.map(async (name) => {
        const client = bench.connect(server.url, name);
        const [key, busyKey] = [randomUUID(), randomUUID()];
        const log = new RedisEventLog({ client, key });
        const busy = new RedisEventLog({ client, key: busyKey });
        await busy.follow({ entry: () => {}, gap: () => {} });
        return { name, key, log, busy, diary: await Diary.of(log) };
      }),
    );
    // An operator's mistake: an id far in the future, and then a new stream.
    for (const { key } of subjects)
      await server.command("XADD", key, "9999999999999-0", "d", "far");
    await readAll(subjects, "far");
    let isOver = false;
    const talk = subjects.map(async ({ busy }) => {
      while (!isOver) await busy.append({ data: "x" });
    });
    try {
      for (const { key } of subjects) await server.command("DEL", key);
      await tellAll(subjects, "low");
      await readAll(subjects, "gap");
      await tellAll(subjects, "after");
      await readAll(subjects, "after");
    } finally {
      isOver = true;
      await Promise.all(talk);
    }
    for (const { diary } of subjects) {
      // The gap may be known before this one came.
      const [first, gap, ...lines] = diary.lines;
      expect([first, gap]).toEqual(["far", "gap"]);
      expect(lines.filter((line) => line !== "low")).toEqual(["after"]);
    }
  });

  test("has one gap, for who resumes before the process knows of it as well", async (bench) => {
    const server = await bench.start();
    const { log, diary } = await bench.open(server.url);
    const { id } = await log.append({ data: "1" });
    await diary.until("1");
    await server.command("FLUSHALL");
    expect(await log.after(id, 10)).toBeUndefined();
    // From here the client goes on: it must be part of the new history.
    expect(await log.after(log.lastId, 10)).toEqual([]);
    await appendSurely(log, "after");
    await diary.until("after");
    expect(diary.lines).toEqual(["1", "gap", "after"]);
  });

  describe("with a clock that is wrong", () => {
    afterEach(() => vi.useRealTimers());
    it.each([-10 * 365, -1, 1, 10 * 365])("by %d days is the same", async (days) => {
      await using bench = new Bench();
      const server = await bench.start();
      const { log, diary, key } = await bench.open(server.url);
      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + days * 86_400_000 });
      const other = new RedisEventLog({ client: bench.connect(server.url), key });
      await other.follow({ entry: () => {}, gap: () => {} });
      const { id } = await other.append({ data: "1" });
      await log.append({ data: "2" });
      await diary.until("2");
      for (const each of [log, other]) {
        expect(await each.after(id, 10)).toMatchObject([{ data: "2" }]);
      }
      expect(diary.lines).toEqual(["1", "2"]);
    });
  });
});
