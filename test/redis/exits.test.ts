import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, it } from "vitest";
import { within } from "../support/inbox.ts";
import { describeWithProgram } from "../support/program.ts";
import { Bench, KINDS } from "./bench.ts";
import type { RedisServer } from "./redis-server.ts";

/** What a process does before it should end by itself, in a world with `connect()`. */
const PROGRAMS: Record<string, string> = {
  "after a script that only sends": `
    const channel = new EventChannel({ log: new RedisEventLog({ client, key: "news" }) });
    await channel.send("x");
    await channel.send("y", { transient: true });
    close();`,
  "after the channel was closed": `
    const channel = new EventChannel({ log: new RedisEventLog({ client, key: "news" }) });
    const events = new EventEndpoint(new Request("http://host/"));
    await channel.add(events);
    await channel.send("x");
    close();
    void events.response.text();
    await channel.close();`,
  "after the registry of closed clients was disposed of": `
    const closedClients = new RedisClosedClients({ client, key: "closed" });
    await closedClients.ready;
    await closedClients.add("7");
    close();
    closedClients[Symbol.dispose]();`,
  "after all of it was closed at once, before Redis had a chance": `
    const channel = new EventChannel({ log: new RedisEventLog({ client, key: "news" }) });
    const closedClients = new RedisClosedClients({ client, key: "closed" });
    const events = new EventEndpoint(new Request("http://host/"));
    void channel.add(events);
    void events.response.text();
    closedClients[Symbol.dispose]();
    void channel.close();
    close();`,
  "while Redis is away": `
    const away = connect("redis://127.0.0.1:1");
    const channel = new EventChannel({
      log: new RedisEventLog({ client: away.client, key: "news" }),
    });
    const closedClients = new RedisClosedClients({ client: away.client, key: "closed" });
    const events = new EventEndpoint(new Request("http://host/"));
    void channel.add(events);
    void events.response.text();
    await channel.send("x").catch(() => {});
    closedClients[Symbol.dispose]();
    void channel.close();
    away.close();
    close();`,
};

describeWithProgram(["redis-server"], "a process with Redis ends by itself", () => {
  const bench = new Bench();
  let folder: string;
  let server: RedisServer;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "event-endpoint-redis-exits-"));
    server = await bench.start();
    const cases = Object.entries(PROGRAMS).map(
      ([name, program]) => `${JSON.stringify(name)}: async ({ client, close }) => { ${program} }`,
    );
    const contents = `
      import { EventChannel } from "./src/channel/event-channel.ts";
      import { EventEndpoint } from "./src/event-endpoint.ts";
      import { RedisClosedClients } from "./src/redis/closed-clients.ts";
      import { RedisEventLog } from "./src/redis/event-log.ts";
      import { CLIENTS } from "./test/redis/clients.ts";
      const [url, kind, ...names] = process.argv.slice(2);
      const connect = CLIENTS[kind];
      const programs = { ${cases.join(",")} };
      process.disconnect();
      for (const name of names) void programs[name](connect(url));`;
    await build({
      stdin: { contents, resolveDir: process.cwd(), loader: "ts" },
      bundle: true,
      format: "cjs",
      platform: "node",
      target: "node20",
      logLevel: "error",
      outfile: join(folder, "program.cjs"),
    });
  });
  afterAll(async () => {
    await bench[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  // What ends one after the other ends one by one; which one it is that does not, `SOAK` tells.
  const names = Object.keys(PROGRAMS);
  const cases = process.env["SOAK"] ? names.map((name) => [name]) : [names];
  it.each(cases)("%s", async (...all) => {
    const exits = KINDS.map(async (kind) => {
      const child = fork(join(folder, "program.cjs"), [server.url, kind, ...all]);
      try {
        const exit = once(child, "exit") as Promise<[number | null]>;
        const [code] = await within(exit, `exit with ${kind}`, 25_000);
        return [kind, code];
      } finally {
        child.kill("SIGKILL");
      }
    });
    expect(await Promise.all(exits)).toEqual(KINDS.map((kind) => [kind, 0]));
  });
});
