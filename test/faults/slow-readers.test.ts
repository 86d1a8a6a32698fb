import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { type CloseEvent, EventEndpoint, type EventEndpointOptions } from "../../src/index.ts";
import { Inbox, within } from "../support/inbox.ts";

/** A client in a process of its own: it connects, says so with its first bytes, and obeys. */
const CLIENT = `
  const { connect } = require("node:net");
  const socket = connect({ port: Number(process.argv[1]), host: "127.0.0.1" });
  let bytes = 0;
  socket.on("error", () => {});
  socket.on("close", () => process.exit());
  socket.write("GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n");
  socket.once("readable", () => process.send("open"));
  // A socket that is not read keeps no process alive.
  setInterval(() => {}, 1_000_000);
  if (process.argv[2] === "steady") {
    // A little at a time, for as long as it takes.
    setInterval(() => {
      const chunk = socket.read(65_536) ?? socket.read();
      if (chunk) bytes += chunk.length;
      process.send(bytes);
    }, 10);
  }
`;

const FRAME = 65_536;
const block = "x".repeat(FRAME - "data: \n\n".length);

const clients: ChildProcess[] = [];
const servers: http.Server[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) client.kill("SIGKILL");
});
afterAll(() => {
  for (const server of servers) server.close().closeAllConnections();
});

async function serve(handle: http.RequestListener): Promise<number> {
  const server = http.createServer(handle);
  servers.push(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return (server.address() as AddressInfo).port;
}

async function startClient(port: number, kind: string): Promise<ChildProcess> {
  const client = spawn(process.execPath, ["-e", CLIENT, `${port}`, kind], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  clients.push(client);
  await within(once(client, "message"), "first bytes at the client");
  return client;
}

interface Opened {
  events: EventEndpoint<http.IncomingMessage>;
  closes: Inbox<CloseEvent>;
}

async function serveEndpoints(options: EventEndpointOptions) {
  const opened = new Inbox<Opened>("endpoint");
  const port = await serve((req, res) => {
    const events = new EventEndpoint(req, res, options);
    const closes = new Inbox<CloseEvent>("close event");
    events.addEventListener("close", (event) => closes.put(event));
    opened.put({ events, closes });
  });
  return { port, opened };
}

/** Sends a block in each turn of the event loop until the endpoint closes; the most that waited. */
async function flood({ events }: Opened, most = 5_000): Promise<number> {
  let peak = 0;
  for (let sent = 0; sent < most && !events.closed; sent++) {
    void events.send(block);
    peak = Math.max(peak, events.bufferedAmount);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return peak;
}

describe("a reader that stalls", () => {
  const LIMIT = 1_048_576;

  it.each(["never reads", "is stopped by SIGSTOP"])(
    "and %s costs the limit and one frame, and is closed as slow",
    async (how) => {
      const { port, opened } = await serveEndpoints({});
      const client = await startClient(port, "silent");
      if (how !== "never reads") client.kill("SIGSTOP");
      const endpoint = await opened.take();
      // Chunked coding adds a few bytes to each frame.
      expect(await flood(endpoint)).toBeLessThanOrEqual(LIMIT + FRAME + 1_000);
      expect(await endpoint.closes.take()).toMatchObject({ code: "slow-client", wasClean: false });
    },
  );

  it("is closed by its limit alone, without waiting for the clock", async () => {
    const { port, opened } = await serveEndpoints({ stallTimeout: Infinity });
    await startClient(port, "silent");
    const endpoint = await opened.take();
    await flood(endpoint);
    expect(await endpoint.closes.take()).toMatchObject({ code: "slow-client" });
  });

  it("is closed by the clock alone, whatever its limit", async () => {
    const { port, opened } = await serveEndpoints({
      stallTimeout: 200,
      maxBufferedAmount: Infinity,
    });
    await startClient(port, "silent");
    const endpoint = await opened.take();
    const sent = endpoint.events.send("x".repeat(64 << 20));
    expect(await endpoint.closes.take()).toMatchObject({ code: "slow-client", wasClean: false });
    expect(await within(sent, "answer of send()")).toBe(false);
  });

  it("does not delay the others, and 20 of them cost 20 limits", async () => {
    const { port, opened } = await serveEndpoints({ maxBufferedAmount: 200_000 });
    const stalled: Opened[] = [];
    for (let i = 0; i < 20; i++) {
      await startClient(port, "silent");
      stalled.push(await opened.take());
    }
    const response = await fetch(`http://127.0.0.1:${port}/`);
    const healthy = await opened.take();
    const peaks = Promise.all(stalled.map((endpoint) => flood(endpoint)));
    const reader = response.body!.getReader();
    let text = "";
    for (let i = 0; i < 100; i++) {
      void healthy.events.send(`${i}`);
      while (!text.endsWith(`data: ${i}\n\n`)) {
        text += Buffer.from((await reader.read()).value!).toString();
      }
    }
    await reader.cancel();
    for (const peak of await peaks) expect(peak).toBeLessThanOrEqual(200_000 + FRAME + 1_000);
    for (const { closes } of stalled) {
      expect(await closes.take()).toMatchObject({ code: "slow-client" });
    }
  });

  it("costs everything that is written to it, without an endpoint", async () => {
    const responses = new Inbox<http.ServerResponse>("response");
    const port = await serve((_req, res) => {
      res.write(":\n");
      responses.put(res);
    });
    await startClient(port, "silent");
    const res = await responses.take();
    for (let sent = 0; sent < 2_000; sent++) res.write(`data: ${block}\n\n`);
    expect(res.writableLength).toBeGreaterThan(32 * 1_048_576);
    expect(res.destroyed).toBe(false);
  });
});

describe("a reader that is slow but steady", () => {
  it("is never closed by the clock, and gets everything", async () => {
    const { port, opened } = await serveEndpoints({
      stallTimeout: 300,
      maxBufferedAmount: Infinity,
    });
    const client = await startClient(port, "steady");
    const { events, closes } = await opened.take();
    const bytes = new Inbox<number>("bytes");
    client.on("message", (count: number) => bytes.put(count));
    // More than the system takes by itself, and several times what is read in one stall timeout.
    void events.send("x".repeat(24 << 20));
    const start = performance.now();
    while (events.bufferedAmount > 0 && performance.now() - start < 20_000) await bytes.take();
    expect(closes.size).toBe(0);
    expect(events.closed).toBe(false);
  });
});
