import { Cluster } from "ioredis";
import { Cluster as Cluster5 } from "ioredis-5";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findFreePort } from "../support/free-port.ts";
import { RedisClosedClients } from "../../src/redis/closed-clients.ts";
import { RedisEventLog } from "../../src/redis/event-log.ts";
import { eventLogContract } from "../../src/testing/event-log-contract.ts";
import { describeWithProgram } from "../support/program.ts";
import { Bench } from "./bench.ts";
import { appendSurely, Diary } from "./diary.ts";
import type { RedisServer } from "./redis-server.ts";

/** What of the contract has to do with where keys are; `SOAK` checks all of it. */
const SHORT = [
  "keeps what an entry says",
  "tells who follows it every entry once and in order",
  "is the same log for every process",
];
const NODES = 3;
const SLOTS = 16_384;

/** Three servers that share the keys between them, and no copies. */
async function startCluster(bench: Bench): Promise<RedisServer[]> {
  const busPorts = await Promise.all(Array.from({ length: NODES }, findFreePort));
  const options = ["--cluster-enabled", "yes", "--cluster-require-full-coverage", "no"];
  const nodes = await Promise.all(
    busPorts.map((port) =>
      bench.start(...options, "--cluster-port", `${port}`, "--appendonly", "yes"),
    ),
  );
  for (const [i, node] of nodes.entries()) {
    const [from, to] = [i, i + 1].map((n) => Math.floor((n * SLOTS) / NODES)) as [number, number];
    await node.command("CLUSTER", "ADDSLOTSRANGE", `${from}`, `${to - 1}`);
    await node.command("CLUSTER", "SET-CONFIG-EPOCH", `${i + 1}`);
  }
  for (const [i, node] of nodes.entries()) {
    if (i > 0) {
      await nodes[0]!.command("CLUSTER", "MEET", "127.0.0.1", `${node.port}`, `${busPorts[i]}`);
    }
  }
  const isWhole = async (node: RedisServer) => {
    const info = String(await node.command("CLUSTER", "INFO"));
    return info.includes("cluster_state:ok") && info.includes(`cluster_slots_ok:${SLOTS}`);
  };
  for (const node of nodes) while (!(await isWhole(node)));
  return nodes;
}

describeWithProgram(["redis-server"], "a log in a Redis Cluster", () => {
  const bench = new Bench();
  const clusters: Cluster[] = [];
  let nodes: RedisServer[];
  beforeAll(async () => {
    nodes = await startCluster(bench);
  });
  afterAll(async () => {
    for (const cluster of clusters) cluster.disconnect();
    await bench[Symbol.asyncDispose]();
  });

  const kinds: [string, typeof Cluster][] = [
    ["ioredis 6", Cluster],
    ["ioredis 5", Cluster5 as never],
  ];
  describe.each(kinds)("with %s", (name, Client) => {
    let client: Cluster;
    let other: Cluster;
    beforeAll(() => {
      const connect = () => {
        const cluster = new Client(
          nodes.map(({ port }) => ({ host: "127.0.0.1", port })),
          { keyPrefix: `${name}:`, scaleReads: "slave" },
        );
        cluster.on("error", () => {});
        clusters.push(cluster);
        return cluster;
      };
      client = connect();
      other = connect();
    });

    let keys = 0;
    const keyOf = new WeakMap<object, string>();
    const open = (own: Cluster, key: string) => {
      const log = new RedisEventLog({ client: own, key, maxEntries: 200 });
      keyOf.set(log, key);
      return log;
    };
    const checks = eventLogContract({
      open: () => open(client, `contract ${keys++}`),
      openAgain: (log) => open(other, keyOf.get(log)!),
    });
    for (const { name: sentence, run } of checks) {
      if (process.env["SOAK"] || SHORT.includes(sentence)) it(sentence, run);
    }

    it("reads channels of every server with one client, and goes on when one comes back", async () => {
      const logs = Array.from(
        { length: 12 },
        (_, i) => new RedisEventLog({ client, key: `all ${i}` }),
      );
      const diaries = await Promise.all(logs.map((log) => Diary.of(log)));
      const tell = (data: string) => Promise.all(logs.map((log) => appendSurely(log, data)));
      const read = (data: string) => Promise.all(diaries.map((diary) => diary.until(data)));
      await tell("1");
      await read("1");
      const perNode = await Promise.all(nodes.map((node) => node.command("KEYS", `${name}:all*`)));
      for (const keysOfNode of perNode) expect(keysOfNode).not.toEqual([]);
      await nodes[1]!.kill();
      await nodes[1]!.restart();
      await tell("2");
      await read("2");
      for (const { lines } of diaries) expect(lines).toEqual(["1", "2"]);
    });

    it("has marks of closed clients", async () => {
      using here = new RedisClosedClients({ client, key: "closed" });
      await here.ready;
      await here.add("7");
      using there = new RedisClosedClients({ client: other, key: "closed" });
      await there.ready;
      expect(there.has("7")).toBe(true);
    });
  });
});
