import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { within } from "../support/inbox.ts";
import { describeWithProgram } from "../support/program.ts";
import { Bench } from "./bench.ts";
import { findFaults } from "./checker.ts";
import { Fleet } from "./fleet.ts";
import type { RedisServer } from "./redis-server.ts";
import type { Visitor } from "./visitor.ts";

/** How often each fault comes: `SOAK` times, 20 if it is not that number. */
const SOAK = process.env["SOAK"];
const TIMES = SOAK ? Math.min(20, Number(SOAK) || 20) : 1;
const VISITORS = SOAK ? 30 : 6;
const STOP_MS = SOAK ? 30_000 : 1_500;
/** The clients of the servers, two of which are there in the short run. */
const KINDS = ["ioredis 6, RESP3", "redis 6, RESP3", "redis 4, RESP2"].slice(0, SOAK ? 3 : 2);
const LIMIT_MS = 60_000 + TIMES * (STOP_MS + 20_000);

const resyncsOf = (visitors: readonly Visitor[]) =>
  visitors.map(({ arrivals }) => arrivals.filter(({ type }) => type === "resync").length);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describeWithProgram(["redis-server"], "servers with one channel", () => {
  describe("over a Redis that keeps what it has acknowledged", () => {
    const bench = new Bench();
    let server: RedisServer;
    let fleet: Fleet;
    beforeAll(async () => {
      server = await bench.start("--appendonly", "yes", "--appendfsync", "always");
      fleet = await Fleet.start(server.url, KINDS);
    });
    afterAll(async () => {
      await fleet[Symbol.asyncDispose]();
      await bench[Symbol.asyncDispose]();
    });

    const faults: Record<string, () => Promise<unknown>> = {
      "a server is killed": async () => {
        await fleet.crash();
        await fleet.add();
      },
      "all servers are replaced, one after the other": async () => {
        for (let i = 0; i < KINDS.length; i++) {
          await fleet.add();
          await fleet.retire();
        }
      },
      "the connections to Redis are killed": () =>
        server.command("CLIENT", "KILL", "TYPE", "normal"),
      "Redis is killed and comes back": async () => {
        await server.kill();
        await server.restart();
      },
      "Redis and a server are killed": async () => {
        await server.kill();
        await fleet.crash();
        const added = fleet.add();
        await server.restart();
        await added;
      },
      "Redis is stopped for a while": async () => {
        server.signal("SIGSTOP");
        await pause(STOP_MS);
        server.signal("SIGCONT");
      },
    };
    it.each(Object.entries(faults))(
      "lose nothing that was acknowledged when %s",
      async (_name, meet) => {
        const visitors = await fleet.invite(VISITORS);
        fleet.talk();
        for (let n = 0; n < TIMES; n++) {
          await fleet.reach(visitors);
          await meet();
          await fleet.reach(visitors);
        }
        expect(await fleet.findFaults(visitors)).toEqual([]);
        expect(resyncsOf(visitors)).toEqual(visitors.map(() => 0));
        for (const visitor of visitors) visitor.leave();
      },
      LIMIT_MS,
    );
  });

  describe("with one registry of closed clients", () => {
    const bench = new Bench();
    afterAll(() => bench[Symbol.asyncDispose]());

    it("refuse whom one of them has closed, also those that started later", async () => {
      const server = await bench.start();
      await using fleet = await Fleet.start(server.url, ["redis 6, RESP3", "ioredis 5, RESP2"]);
      const visit = async (path: string, id?: string) => {
        const headers = { connection: "close", ...(id && { "Last-Event-ID": id }) };
        const response = await fetch(`http://127.0.0.1:${fleet.port}${path}`, { headers });
        if (id !== undefined) await response.body?.cancel();
        return { status: response.status, text: id === undefined ? await response.text() : "" };
      };
      const { text } = await visit("/once");
      const own = /^id: (own-.*)$/m.exec(text)![1]!;
      const closing = /^id: (evt-closed.*)$/m.exec(text)![1]!;
      const statuses = async (id: string) => {
        const all: number[] = [];
        for (let i = 0; i < 4; i++) all.push((await visit("/", id)).status);
        return all;
      };
      const refused = [204, 204, 204, 204];
      // One server knows it at once, the other one soon; who closes nobody is let in.
      const known = (async () => {
        while (!(await statuses(own)).every((status) => status === 204));
      })();
      await within(known, "refusal by every server");
      expect(await statuses("own-other")).toEqual([200, 200, 200, 200]);
      for (let i = 0; i < 2; i++) {
        await fleet.add();
        await fleet.crash();
      }
      expect([await statuses(own), await statuses(closing)]).toEqual([refused, refused]);
    });
  });

  describe("over a Redis that loses what it has acknowledged", () => {
    const bench = new Bench();
    let server: RedisServer;
    let fleet: Fleet;
    beforeAll(async () => {
      server = await bench.start("--appendonly", "no");
      fleet = await Fleet.start(server.url, ["ioredis 5, RESP2", "redis 5, RESP3"]);
    });
    afterAll(async () => {
      await fleet[Symbol.asyncDispose]();
      await bench[Symbol.asyncDispose]();
    });

    const losses: Record<string, () => Promise<unknown>> = {
      FLUSHALL: () => server.command("FLUSHALL"),
      DEL: () => server.command("DEL", fleet.key),
      "a restart without its data": async () => {
        await server.kill();
        await server.restart();
      },
    };
    it.each(Object.entries(losses))(
      "tell every client once of %s",
      async (_name, lose) => {
        const visitors = await fleet.invite(VISITORS);
        fleet.talk();
        for (let n = 1; n <= TIMES; n++) {
          await fleet.reach(visitors);
          await lose();
          await Promise.all(
            visitors.map((each) => each.until("resync", () => resyncsOf([each])[0] === n)),
          );
          await fleet.reach(visitors);
        }
        expect(await fleet.findFaults(visitors)).toEqual([]);
        expect(resyncsOf(visitors)).toEqual(visitors.map(() => TIMES));
        for (const visitor of visitors) visitor.leave();
      },
      LIMIT_MS,
    );

    it(
      "tell every client once of a copy that is behind, also those who were not there",
      async () => {
        const visitors = await fleet.invite(VISITORS);
        const [absent] = visitors as [Visitor];
        await fleet.reach(visitors);
        for (let n = 1; n <= TIMES; n++) {
          absent.leave();
          const there = visitors.slice(1);
          await fleet.reach(there);
          await server.command("SAVE");
          const copy = join(server.folder, "copy.rdb");
          await copyFile(join(server.folder, "dump.rdb"), copy);
          for (let i = 0; i < 5; i++) await fleet.reach(there);
          await server.kill();
          await copyFile(copy, join(server.folder, "dump.rdb"));
          await server.restart();
          await Promise.all(
            there.map((each) => each.until("resync", () => resyncsOf([each])[0] === n)),
          );
          absent.come();
          await absent.until("resync", () => resyncsOf([absent])[0] === n);
          await fleet.reach(visitors);
        }
        expect(await fleet.findFaults(visitors)).toEqual([]);
        expect(resyncsOf(visitors)).toEqual(visitors.map(() => TIMES));
      },
      LIMIT_MS,
    );
  });
});

describe("what finds faults in what clients got", () => {
  const outcomes = new Map([1, 2, 3, 4, 5].map((n) => [n, n === 4 ? "unknown" : `${n}-0`]));
  const events = (...lines: (number | string)[]) =>
    lines.map((line) =>
      typeof line === "number"
        ? { type: "message", data: `${line}`, id: `${line}-0` }
        : { type: line, data: "", id: "" },
    );
  it.each([
    [events("ready", 1, 2, 3, 5), []],
    [events(2, 3, 4, 5), []],
    [events(2, 3, 5, 4), []],
    [events(1, "resync", 3), []],
    [events(1, 2, 2), ["twice 2"]],
    [events(1, 3), ["lost 2 in silence"]],
    [events(1, "resync", 2, 5), ["lost 3 in silence"]],
    [events(1, 2, 3, 9), ["phantom 9"]],
    [events(2, 1), ["1 after 2"]],
  ])("%#: finds what is wrong, and nothing else", (arrivals, faults) => {
    expect(findFaults(outcomes, arrivals)).toEqual(faults);
  });
});
