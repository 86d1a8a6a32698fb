import { afterAll, beforeAll, expect } from "vitest";
import { within } from "../support/inbox.ts";
import { describeWithProgram } from "../support/program.ts";
import { type ProcessWatch, settle, watchProcess } from "../support/process-watch.ts";
import { type Bench, diariesOf, eachSays, readAll, type Subject, tellAll, test } from "./bench.ts";
import { appendSurely, Diary } from "./diary.ts";
import type { RedisServer } from "./redis-server.ts";
import { RedisEventLog } from "../../src/redis/event-log.ts";

/** How long Redis is stopped; `SOAK` stops it for longer than any deadline. */
const STOP_MS = process.env["SOAK"] ? 30_000 : 0;

/** A server that has met every kind of client. */
interface Scene {
  readonly bench: Bench;
  readonly server: RedisServer;
  readonly subjects: Subject[];
}

describeWithProgram(["redis-server"], "a log in Redis, with every client,", () => {
  let watch: ProcessWatch;
  beforeAll(() => {
    watch = watchProcess();
  });
  afterAll(async () => {
    await settle();
    watch.stop();
    expect([...watch.rejections, ...watch.uncaught]).toEqual([]);
  });

  const meet = (name: string, run: (scene: Scene) => Promise<void>, appendfsync = "always") =>
    test(
      name,
      async (bench) => {
        const appendonly = appendfsync === "no" ? "no" : "yes";
        const server = await bench.start("--appendonly", appendonly, "--appendfsync", appendfsync);
        const subjects = await bench.openAll(server.url);
        await tellAll(subjects, "before");
        await readAll(subjects, "before");
        await run({ bench, server, subjects });
      },
      60_000 + STOP_MS,
    );

  meet("goes on after CLIENT KILL, and has lost nothing", async ({ server, subjects }) => {
    await server.command("CLIENT", "KILL", "TYPE", "normal");
    await tellAll(subjects, "after");
    await readAll(subjects, "after");
    expect(diariesOf(subjects)).toEqual(eachSays("before", "after"));
  });

  meet(
    "goes on after kill -9 and a restart, and has lost nothing that was acknowledged",
    async ({ server, subjects }) => {
      await server.kill();
      const meanwhile = tellAll(subjects, "meanwhile");
      await server.restart();
      await readAll(subjects, "meanwhile");
      await meanwhile;
      expect(diariesOf(subjects)).toEqual(eachSays("before", "meanwhile"));
    },
  );

  meet(
    "tells one gap after FLUSHALL, does not know the old ids, and goes on",
    async ({ server, subjects }) => {
      await server.command("FLUSHALL");
      await readAll(subjects, "gap");
      await tellAll(subjects, "after");
      await readAll(subjects, "after");
      expect(diariesOf(subjects)).toEqual(eachSays("before", "gap", "after"));
      for (const { log, diary } of subjects)
        expect(await log.after(diary.ids[0]!, 10)).toBeUndefined();
    },
  );

  meet("tells no entry that comes after a gap before the gap", async ({ server, subjects }) => {
    const replace = "redis.call('DEL', KEYS[1]) redis.call('XADD', KEYS[1], '*', 'd', 'new')";
    for (const { key } of subjects) await server.command("EVAL", replace, "1", key);
    await readAll(subjects, "gap");
    await tellAll(subjects, "after");
    await readAll(subjects, "after");
    expect(diariesOf(subjects)).toEqual(eachSays("before", "gap", "after"));
  });

  meet(
    "refuses to append while memory is short, and recovers from a loss meanwhile",
    async ({ server, subjects }) => {
      await server.command("CONFIG", "SET", "maxmemory", "1");
      for (const { log } of subjects) {
        const text = expect.stringContaining("OOM") as string;
        const refusal = { code: "log-unavailable", message: text };
        await expect(log.append({ data: "refused" })).rejects.toMatchObject(refusal);
      }
      await server.command("FLUSHALL");
      await server.command("CONFIG", "SET", "maxmemory", "0");
      await readAll(subjects, "gap");
      await tellAll(subjects, "after");
      await readAll(subjects, "after");
      expect(diariesOf(subjects)).toEqual(eachSays("before", "gap", "after"));
    },
  );

  meet(
    "goes on with other keys while one has the wrong type, and with that one when it has not",
    async ({ bench, server, subjects }) => {
      const others = await Promise.all(
        subjects.map(async ({ name }) => {
          const client = bench.connect(server.url, name);
          const log = new RedisEventLog({ client, key: `fine ${name}` });
          const wrong = new RedisEventLog({ client, key: `wrong ${name}` });
          return { log, diary: await Diary.of(log), wrong, wrongDiary: await Diary.of(wrong) };
        }),
      );
      for (const { name } of subjects) await server.command("SET", `wrong ${name}`, "text");
      for (const { log, diary, wrong } of others) {
        await expect(wrong.append({ data: "x" })).rejects.toThrow("WRONGTYPE");
        await appendSurely(log, "1");
        await diary.until("1");
      }
      for (const { name } of subjects) await server.command("DEL", `wrong ${name}`);
      for (const { wrong, wrongDiary } of others) {
        await wrongDiary.until("gap");
        await appendSurely(wrong, "2");
        await wrongDiary.until("2");
        expect(wrongDiary.lines).toEqual(["gap", "2"]);
      }
    },
  );

  meet(
    "refuses to append within 5 s while Redis is stopped, and reads on when it goes on",
    async ({ server, subjects }) => {
      server.signal("SIGSTOP");
      const answers = subjects.map(({ log }) => log.append({ data: "unknown" }).catch(String));
      // What is promised, and a second for a busy machine.
      const errors = await within(Promise.all(answers), "answers", 6_000);
      for (const error of errors) expect(error).toContain("Redis did not answer in time");
      await new Promise((resolve) => setTimeout(resolve, STOP_MS));
      server.signal("SIGCONT");
      await tellAll(subjects, "after");
      await readAll(subjects, "after");
      for (const { name, diary } of subjects) {
        // It had been sent when Redis could not answer any more.
        const known = diary.lines.filter((line) => line !== "unknown");
        expect([name, ...known]).toEqual([name, "before", "after"]);
        expect(diary.lines.length - known.length, name).toBeLessThanOrEqual(1);
      }
    },
  );

  const lose = async ({ server, subjects }: Scene) => {
    await server.kill();
    await server.restart();
    await readAll(subjects, "gap");
    await tellAll(subjects, "after");
    await readAll(subjects, "after");
    expect(diariesOf(subjects)).toEqual(eachSays("before", "gap", "after"));
  };
  meet("tells one gap after kill -9 and a restart of a Redis that keeps nothing", lose, "no");
});
