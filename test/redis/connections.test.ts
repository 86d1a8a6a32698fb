import { randomUUID } from "node:crypto";
import { connect, createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { createClient } from "redis";
import { describe, expect } from "vitest";
import type { RedisClient } from "../../src/redis/client.ts";
import { RedisEventLog } from "../../src/redis/event-log.ts";
import { within } from "../support/inbox.ts";
import { describeWithProgram } from "../support/program.ts";
import { type Bench, KINDS, readAll, tellAll, test } from "./bench.ts";
import { appendSurely, Diary } from "./diary.ts";

describeWithProgram(["redis-server"], "a log's connections to Redis", () => {
  for (const name of KINDS)
    test(`are two, however many channels there are, with ${name}`, async (bench) => {
      const server = await bench.start();
      const client = bench.connect(server.url, name);
      const logs = Array.from(
        { length: 40 },
        () => new RedisEventLog({ client, key: randomUUID() }),
      );
      const count = async () => String(await server.command("CLIENT", "LIST")).split("\n").length;
      const before = await count();
      const diaries = await Promise.all(logs.map((log) => Diary.of(log)));
      await Promise.all(logs.map((log) => log.append({ data: "1" })));
      await Promise.all(diaries.map((diary) => diary.until("1")));
      expect((await count()) - before).toBe(2);
    });

  test("are found dead when they are open and nothing arrives, which others never find", async (bench) => {
    const server = await bench.start();
    const { line: naiveLine, url: naiveUrl } = await bench.lineTo(server);
    const naive = bench.ioredis(naiveUrl);
    await naive.ping();
    const told: unknown[] = [];
    const waiting = naive.xread("BLOCK", 0, "STREAMS", "naive", "0-0");
    waiting.then(
      (answer) => told.push(answer),
      () => {},
    );
    const subjects = await Promise.all(
      KINDS.map(async (name) => {
        const { line, url } = await bench.lineTo(server);
        return { line, subject: await bench.open(url, name) };
      }),
    );
    for (const { line } of [...subjects, { line: naiveLine }]) line.swallow();
    await server.command("XADD", "naive", "*", "d", "x");
    const recovered = subjects.map(async ({ subject: { log, diary } }) => {
      // Nobody can tell whether it ran, so it is not sent again.
      const refusal = { code: "log-unavailable" };
      await expect(log.append({ data: "unknown" })).rejects.toMatchObject(refusal);
      await appendSurely(log, "after");
      await diary.until("after");
      expect(diary.lines).toEqual(["unknown", "after"]);
    });
    await Promise.all(recovered);
    expect(told).toEqual([]);
  });

  test("send nothing twice, which the user's own client would", async (bench) => {
    const server = await bench.start();
    const { line, url } = await bench.lineTo(server);
    const { log, diary, key } = await bench.open(url);
    const own = bench.ioredis(url);
    await own.ping();
    const length = async (of: string) => Number(await server.command("XLEN", of));
    const before = await length(key);
    line.swallow();
    const theirs = own.xadd("own", "*", "d", "x");
    const ours = log.append({ data: "x" });
    const failed = expect(ours).rejects.toMatchObject({ code: "log-unavailable" });
    while ((await length("own")) === 0 || (await length(key)) === before);
    line.cut("reset");
    await Promise.all([failed, theirs]);
    await diary.until("x");
    expect([await length("own"), (await length(key)) - before]).toEqual([2, 1]);
  });

  test("that were idle are not closed under a command", async (bench) => {
    const server = await bench.start();
    const log = new RedisEventLog({ client: bench.connect(server.url), key: randomUUID() });
    await log.append({ data: "1" });
    // It answers when the connection would have been idle for long enough.
    await server.command("CLIENT", "PAUSE", "1000");
    await expect(log.append({ data: "2" })).resolves.toMatchObject({ data: "2" });
  });

  test("come back to a Redis that greets slowly, although some give up waiting all the time", async (bench) => {
    const server = await bench.start();
    const slow = createServer((client) => {
      const upstream = connect(server.port, "127.0.0.1");
      for (const socket of [client, upstream]) socket.on("error", () => {});
      client.pipe(upstream);
      upstream.on("data", (chunk) => setTimeout(() => client.write(chunk), 200));
      upstream.on("close", () => client.destroy());
      client.on("close", () => upstream.destroy());
    });
    await once(slow.listen(0, "127.0.0.1"), "listening");
    const url = `redis://127.0.0.1:${(slow.address() as AddressInfo).port}`;
    await server.kill();
    const log = new RedisEventLog({ client: bench.connect(url), key: randomUUID() });
    let timer: NodeJS.Timeout | undefined;
    try {
      const failures: unknown[] = [];
      const succeeded = new Promise<void>((resolve) => {
        const send = () => void log.append({ data: "x" }).then(() => resolve(), fail);
        timer = setInterval(send, 20);
      });
      let wake = () => {};
      const failed = new Promise<void>((resolve) => (wake = resolve));
      const fail = (error: unknown) => {
        failures.push(error);
        wake();
      };
      await within(failed, "failure");
      expect(String(failures[0])).toContain("Cannot append to the log");
      await server.restart();
      await within(succeeded, "append that is acknowledged", 5_000);
    } finally {
      clearInterval(timer);
      slow.close();
    }
  });

  test("are given up when they lead to a server that was replaced", async (bench) => {
    // A reader that was not blocked stays at the old one, and gets what that copies: without delay.
    const [old, next] = [
      await bench.start("--repl-diskless-sync-delay", "0"),
      await bench.start("--repl-diskless-sync-delay", "0"),
    ];
    await next.command("REPLICAOF", "127.0.0.1", `${old.port}`);
    let target = old;
    const address = createServer((client) => {
      const upstream = connect(target.port, "127.0.0.1");
      for (const socket of [client, upstream]) socket.on("error", () => {});
      client.pipe(upstream).pipe(client);
      upstream.on("close", () => client.destroy());
      client.on("close", () => upstream.destroy());
    });
    await once(address.listen(0, "127.0.0.1"), "listening");
    try {
      const { port } = address.address() as AddressInfo;
      const subjects = await bench.openAll(`redis://127.0.0.1:${port}`);
      await tellAll(subjects, "1");
      await readAll(subjects, "1");
      // What is not copied is lost, and what comes before that is noticed is lost with it.
      await old.command("SET", "copied", "yes");
      while ((await next.command("GET", "copied")) !== "yes");
      await next.command("REPLICAOF", "NO", "ONE");
      target = next;
      // It stays, and its connections with it; but it takes nothing any more.
      await old.command("REPLICAOF", "127.0.0.1", `${next.port}`);
      await tellAll(subjects, "2");
      await readAll(subjects, "2");
      for (const { diary } of subjects) expect(diary.lines).toEqual(["1", "2"]);
    } finally {
      address.close();
    }
  });

  test("say why there are none", async (bench) => {
    const server = await bench.start();
    await server.kill();
    const errors = await Promise.all(
      KINDS.map(async (name) => {
        const log = new RedisEventLog({ client: bench.connect(server.url, name), key: "news" });
        return log.append({ data: "x" }).catch((error: unknown) => (error as Error).message);
      }),
    );
    for (const error of errors)
      expect(error).toMatch(/^Cannot append to the log "news": .*ECONNREF/);
  });

  describe("are like the user's own, but for what would be in their way:", () => {
    const cases: [name: string, make: (url: string, bench: Bench) => RedisClient][] = [
      [
        "ioredis, a deadline for commands",
        (url, bench) => bench.ioredis(url, { commandTimeout: 200 }),
      ],
      [
        "ioredis, a deadline for silence",
        (url, bench) => bench.ioredis(url, { socketTimeout: 200 }),
      ],
      ["ioredis, no queue", (url, bench) => bench.ioredis(url, { enableOfflineQueue: false })],
      ["ioredis, pipelines", (url, bench) => bench.ioredis(url, { enableAutoPipelining: true })],
      [
        "ioredis, answers as of RESP3",
        (url, bench) => bench.ioredis(url, { replyMapping: "resp3" }),
      ],
      ["ioredis, numbers as text", (url, bench) => bench.ioredis(url, { stringNumbers: true })],
      ["ioredis, another database", (url, bench) => bench.ioredis(url, { db: 3 })],
      ["ioredis, a prefix", (url, bench) => bench.ioredis(url, { keyPrefix: "app:" })],
      ["redis, a prefix", (url) => createClient({ url, keyPrefix: "app:" })],
      [
        "redis, a deadline for silence",
        (url) => createClient({ url, socket: { socketTimeout: 200 } }),
      ],
      [
        "redis, a deadline for commands",
        (url) => createClient({ url, commandOptions: { timeout: 200 } }),
      ],
      ["redis, no queue", (url) => createClient({ url, disableOfflineQueue: true })],
      [
        "redis, buffers",
        (url) => createClient({ url, commandOptions: { typeMapping: { 36: Buffer } } }),
      ],
      ["redis, another database", (url) => createClient({ url, database: 3 })],
    ];
    for (const [name, make] of cases)
      test(name, async (bench) => {
        const server = await bench.start();
        const client = make(server.url, bench);
        const log = new RedisEventLog({ client, key: randomUUID() });
        const diary = await Diary.of(log);
        const first = await log.append({ data: "1" });
        await diary.until("1");
        const connections = async () =>
          /total_connections_received:(\d+)/.exec(
            String(await server.command("INFO", "stats")),
          )?.[1];
        const before = Number(await connections());
        // Both a read and a command get their answer after a while.
        await server.command("CLIENT", "PAUSE", "300");
        const second = await log.append({ data: "2", topic: "é" });
        await diary.until("2");
        expect(await log.after(first.id, 10)).toMatchObject([{ id: second.id, topic: "é" }]);
        expect(diary.lines).toEqual(["1", "2"]);
        // The commands of the test have one each; the reader and the log are content with theirs.
        expect(Number(await connections()) - before).toBe(2);
      });

    for (const name of ["ioredis", "redis"])
      test(`the prefix of ${name} is that of the key in Redis`, async (bench) => {
        const keyPrefix = `${name}:`;
        const server = await bench.start();
        const { url } = server;
        const client =
          name === "redis" ? createClient({ url, keyPrefix }) : bench.ioredis(url, { keyPrefix });
        await new RedisEventLog({ client, key: "news" }).append({ data: "1" });
        expect(await server.command("KEYS", "*news")).toContain(`${name}:news`);
      });
  });
});
