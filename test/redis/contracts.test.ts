import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, it } from "vitest";
import { RedisEventLog } from "../../src/redis/event-log.ts";
import { RedisClosedClients } from "../../src/redis/closed-clients.ts";
import { eventLogContract } from "../../src/testing/event-log-contract.ts";
import { closedClientsContract } from "../contract/closed-clients.ts";
import { describeWithProgram } from "../support/program.ts";
import { CLIENTS, type OpenClient } from "./clients.ts";
import { RedisServer } from "./redis-server.ts";

describeWithProgram(["redis-server"], "over Redis", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  describe.each(Object.entries(CLIENTS))("with %s", (_name, connect) => {
    let first: OpenClient;
    let second: OpenClient;
    const keys = new WeakMap<object, string>();
    beforeAll(() => {
      first = connect(server.url);
      second = connect(server.url);
    });
    afterAll(() => {
      first.close();
      second.close();
    });
    const open = (client: OpenClient, key: string) => {
      const log = new RedisEventLog({ client: client.client, key, maxEntries: 200 });
      keys.set(log, key);
      return log;
    };
    const checks = eventLogContract({
      open: () => open(first, randomUUID()),
      openAgain: (log) => open(second, keys.get(log)!),
    });
    describe("RedisEventLog", () => {
      for (const { name, run } of checks) it(name, run);
    });

    const registries: RedisClosedClients[] = [];
    afterAll(() => {
      for (const registry of registries) registry[Symbol.dispose]();
    });
    closedClientsContract("Redis", () => {
      const registry = new RedisClosedClients({ client: first.client, key: randomUUID() });
      registries.push(registry);
      return registry;
    });
  });
});
