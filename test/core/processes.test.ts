import { build } from "esbuild";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** A process that tells the client of `/stop` to stop, and has nothing else to say. */
const program = `
  import { createServer } from "node:http";
  import { EventEndpoint } from "./src/index.ts";
  const server = createServer((req, res) => {
    const events = new EventEndpoint(req, res);
    if (req.url === "/stop") void events.close(true);
  });
  server.listen(0, "127.0.0.1", () => process.send(server.address().port));
`;

let folder: string;
let file: string;
const processes: ChildProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "event-endpoint-"));
  file = join(folder, "server.mjs");
  await build({
    stdin: { contents: program, resolveDir: process.cwd(), loader: "ts" },
    bundle: true,
    format: "esm",
    platform: "node",
    outfile: file,
  });
});
afterAll(async () => {
  for (const child of processes) child.kill("SIGKILL");
  await rm(folder, { recursive: true });
});

async function start(): Promise<{ origin: string; kill(): Promise<unknown> }> {
  const child = fork(file);
  processes.push(child);
  const [port] = (await once(child, "message")) as [number];
  return {
    origin: `http://127.0.0.1:${port}`,
    kill() {
      child.kill("SIGKILL");
      return once(child, "exit");
    },
  };
}

/** Connects, and goes away once the head is there. */
async function connect(url: string, headers: Record<string, string> = {}): Promise<number> {
  const controller = new AbortController();
  const { status } = await fetch(url, { headers, signal: controller.signal });
  controller.abort();
  return status;
}

describe("a client that was told to stop", () => {
  it("is refused by another process, and by the same one after a restart", async () => {
    const [first, other] = await Promise.all([start(), start()]);
    const text = await (await fetch(`${first.origin}/stop`)).text();
    const id = /id: (\S+)/.exec(text)![1]!;
    const headers = { "Last-Event-ID": id };
    expect(await connect(other.origin, headers)).toBe(204);
    expect(await connect(other.origin)).toBe(200);
    await first.kill();
    const restarted = await start();
    for (let retry = 1; retry <= 10; retry++) {
      expect(await connect(restarted.origin, headers)).toBe(204);
    }
  });
});

/** Runs a program on the sources, to its end. */
async function run(
  contents: string,
  ...flags: string[]
): Promise<[exitCode: number, message: unknown]> {
  const outfile = join(folder, `${processes.length}.mjs`);
  await build({
    stdin: { contents, resolveDir: process.cwd(), loader: "ts" },
    bundle: true,
    format: "esm",
    platform: "node",
    outfile,
  });
  const child = fork(outfile, { execArgv: flags });
  processes.push(child);
  const [message] = (await once(child, "message")) as [unknown];
  const [exitCode] = (await once(child, "exit")) as [number];
  return [exitCode, message];
}

describe("a process", () => {
  it("hears of a client that leaves although its request was collected", async () => {
    const [, code] = await run(
      `
      import { EventEndpoint } from "./src/index.ts";
      const controller = new AbortController();
      const open = () =>
        new EventEndpoint(new Request("http://host/", { signal: controller.signal }));
      const events = open();
      events.addEventListener("close", ({ code }) => {
        process.send(code);
        process.disconnect();
      });
      for (let i = 0; i < 5; i++) {
        gc();
        await new Promise((resolve) => setImmediate(resolve));
      }
      controller.abort();
      if (!events.closed) {
        process.send("nothing");
        process.disconnect();
      }
    `,
      "--expose-gc",
    );
    expect(code).toBe("client-left");
  });

  it("exits by itself when its streams have ended, although a keep-alive was planned", async () => {
    const [exitCode] = await run(`
      import { EventEndpoint } from "./src/index.ts";
      const ended = new EventEndpoint(new Request("http://host/"), { keepAlive: 60_000 });
      ended.send("x");
      await ended.close();
      new EventEndpoint(new Request("http://host/"), { keepAlive: 60_000, maxDuration: 60_000 });
      process.send("done");
      process.disconnect();
    `);
    expect(exitCode).toBe(0);
  });
});
