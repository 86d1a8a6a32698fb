import { build } from "esbuild";
import { fork } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { within } from "../support/inbox.ts";

/** What all programs begin with. They say where they listen, and then leave the test alone. */
const HEAD = `
  import { createServer } from "node:http";
  import { createServer as createHttp2Server } from "node:http2";
  import { EventChannel, EventEndpoint } from "./src/index.ts";
  const say = (message) => new Promise((resolve) => process.send(message, resolve));
  const options = { keepAlive: 60_000, maxDuration: 3_600_000 };
  // Only the endpoint may end a kept connection, not its time.
  const listen = (server) => {
    server.keepAliveTimeout = 0;
    server.listen(0, "127.0.0.1", () => say(server.address().port));
  };
  const leave = () => process.disconnect();
`;

let folder: string;
let programs = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "event-endpoint-exits-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Starts a program; `use` is its client. Resolves to its exit code, which must come by itself. */
async function run(
  program: string,
  use?: (port: number) => Promise<unknown>,
): Promise<{ exitCode: number; messages: unknown[] }> {
  const outfile = join(folder, `${programs++}.mjs`);
  await build({
    stdin: { contents: HEAD + program, resolveDir: process.cwd(), loader: "ts" },
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    outfile,
  });
  const child = fork(outfile);
  const messages: unknown[] = [];
  child.on("message", (message) => messages.push(message));
  try {
    const exit = once(child, "exit") as Promise<[number]>;
    if (use) {
      await within(once(child, "message"), "port", 20_000);
      await use(messages.shift() as number);
    }
    const [exitCode] = await within(exit, "exit of the process by itself", 20_000);
    return { exitCode, messages };
  } finally {
    child.kill("SIGKILL");
  }
}

/** A client that holds its connection, whatever the server does with it. */
const clients: Socket[] = [];
afterAll(() => {
  for (const client of clients) client.destroy();
});
async function hold(port: number, path = "/"): Promise<void> {
  const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  clients.push(client);
  client.on("error", () => {});
  client.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await within(once(client, "readable"), "answer");
}

/** A client that reads to the end of the stream, and keeps its connection for the next one. */
async function read(port: number): Promise<void> {
  const agent = new http.Agent({ keepAlive: true });
  const request = http.get({ host: "127.0.0.1", port, agent });
  const [response] = (await within(once(request, "response"), "answer")) as [http.IncomingMessage];
  response.resume();
  await within(once(response, "end"), "end of the stream");
}

describe("a process exits by itself", () => {
  it("after streams that have ended on node:http, their connections kept alive", async () => {
    const { exitCode } = await run(
      `const server = createServer((req, res) => {
        const events = new EventEndpoint(req, res, options);
        events.send("x");
        events.close().then(() => server.close());
        leave();
      });
      listen(server);`,
      read,
    );
    expect(exitCode).toBe(0);
  });

  it("when its server stopped listening before the stream ended", async () => {
    const { exitCode } = await run(
      `const server = createServer((req, res) => {
        const events = new EventEndpoint(req, res, options);
        server.close();
        events.send("x").then(() => events.close());
        leave();
      });
      listen(server);`,
      read,
    );
    expect(exitCode).toBe(0);
  });

  it("when the last stream on HTTP/2 has ended", async () => {
    const { exitCode } = await run(
      `const server = createHttp2Server((req, res) => {
        const events = new EventEndpoint(req, res, options);
        server.close();
        events.send("x").then(() => events.close());
        leave();
      });
      listen(server);`,
      async (port) => {
        const session = http2.connect(`http://127.0.0.1:${port}`);
        session.on("error", () => {});
        await within(once(session.request().resume(), "end"), "end of the stream");
      },
    );
    expect(exitCode).toBe(0);
  });

  it("with answers of a fetch handler that nobody reads, open or closed", async () => {
    const { exitCode } = await run(`
      for (const closes of [false, true]) {
        const events = new EventEndpoint(new Request("http://host/"), options);
        for (let i = 0; i < 10; i++) events.send("x".repeat(20_000));
        if (closes) events.close();
      }
      leave();
    `);
    expect(exitCode).toBe(0);
  });

  it.each([
    ["before its server", "channel.close(); server.close();"],
    ["after its server", "server.close(); channel.close();"],
  ])("when a channel that many are in is closed %s", async (_, ends) => {
    const { exitCode } = await run(
      `const channel = new EventChannel();
      const server = createServer(async (req, res) => {
        await channel.add(new EventEndpoint(req, res, options), { topics: ["none"] });
        if (channel.size < 3) return;
        await channel.send("x", { topic: "some" });
        ${ends}
        leave();
      });
      listen(server);`,
      (port) => Promise.all([read(port), read(port), read(port)]),
    );
    expect(exitCode).toBe(0);
  });

  it("with a channel that nobody closes, whose log has something to forget", async () => {
    const { exitCode } = await run(`
      const channel = new EventChannel();
      const events = new EventEndpoint(new Request("http://host/"), options);
      await channel.add(events, { topics: ["none"] });
      for (let i = 0; i < 10; i++) await channel.send("x", { topic: "some" });
      leave();
    `);
    expect(exitCode).toBe(0);
  });

  it("with an open stream, if its server and connection do not hold the process", async () => {
    const { exitCode } = await run(
      `const server = createServer((req, res) => {
        const events = new EventEndpoint(req, res, options);
        events.send("x");
        server.close();
        server.unref();
        req.socket.unref();
        leave();
      });
      listen(server);`,
      hold,
    );
    expect(exitCode).toBe(0);
  });

  it("when a client that does not take the rest of a closed stream has been cut off", async () => {
    const { exitCode, messages } = await run(
      `const server = createServer((req, res) => {
        const events = new EventEndpoint(req, res, { ...options, stallTimeout: 200 });
        events.addEventListener("close", async ({ code, wasClean }) => {
          await say({ code, wasClean });
          leave();
        });
        events.send("x".repeat(64 << 20));
        events.close();
        server.close();
      });
      listen(server);`,
      hold,
    );
    expect(messages).toEqual([{ code: "closed", wasClean: false }]);
    expect(exitCode).toBe(0);
  });

  it("while a source that never ends is piped to a client that left", async () => {
    const { exitCode } = await run(`
      const left = new AbortController();
      const request = new Request("http://host/", { signal: left.signal });
      const events = new EventEndpoint(request, options);
      async function* ticks() {
        for (;;) yield await new Promise((resolve) => setImmediate(resolve, "tick"));
      }
      const piped = events.pipe(ticks());
      await events.response.body.getReader().read();
      left.abort();
      await piped;
      leave();
    `);
    expect(exitCode).toBe(0);
  });
});

describe("what holds a process open", () => {
  const ended = (make: string) => `
    const server = createServer((req, res) => {
      ${make}
      res.on("close", async () => {
        server.close();
        await say(process.getActiveResourcesInfo());
        process.exit();
      });
    });
    listen(server);`;

  it("is no timer of an open stream", async () => {
    const { messages } = await run(
      ended("new EventEndpoint(req, res, { keepAlive: 10_000 }).send('x');"),
      (port) => hold(port).then(() => clients.at(-1)!.resetAndDestroy()),
    );
    expect(messages).toHaveLength(1);
    expect(messages[0]).not.toContain("Timeout");
  });

  it("is the interval of an implementation that does not think of it", async () => {
    const { messages } = await run(
      ended("res.write(':\\n'); setInterval(() => res.write(':\\n'), 10_000);"),
      (port) => hold(port).then(() => clients.at(-1)!.resetAndDestroy()),
    );
    expect(messages[0]).toContain("Timeout");
  });
});
