import { once } from "node:events";
import http2 from "node:http2";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { type CloseEvent, EventEndpoint } from "../../src/index.ts";
import { Inbox, within } from "../support/inbox.ts";
import { type ProcessWatch, settle, watchProcess } from "../support/process-watch.ts";
import { expectLoss, type Opened, serveBare, serveEndpoints, UNLIMITED } from "./endpoints.ts";
import { PROTOCOLS } from "./listen.ts";
import { startReaders } from "./readers.ts";
import type { Protocol } from "./serve.ts";

/** More than the system and a bridge take for somebody who does not read. */
const block = "x".repeat(1 << 20);
const BLOCKS = 8;

let watch: ProcessWatch;
beforeEach(() => void (watch = watchProcess()));
afterEach(() => {
  watch.stop();
  const { uncaught, rejections, warnings } = watch;
  expect({ uncaught, rejections, warnings }).toEqual({
    uncaught: [],
    rejections: [],
    warnings: [],
  });
});

/** Clients that have read the head, and read nothing more. */
interface Clients {
  readonly sockets: Socket[];
  readonly sessions: http2.ClientHttp2Session[];
  kill?(): void;
}

type Leave = (clients: Clients) => unknown;
const toSockets = (act: (socket: Socket) => unknown) => (clients: Clients) =>
  clients.sockets.forEach(act);
const toSessions = (act: (session: http2.ClientHttp2Session) => unknown) => (clients: Clients) =>
  clients.sessions.forEach(act);

const leaves: [how: string, leave: Leave, protocols: Protocol[]][] = [
  ["closes its connection", toSockets((socket) => socket.destroy()), PROTOCOLS],
  ["resets its connection", toSockets((socket) => socket.resetAndDestroy()), PROTOCOLS],
  ["is killed", (clients) => clients.kill!(), PROTOCOLS],
  ["says FIN", toSockets((socket) => socket.end()), ["HTTP/2"]],
  ["ends its session", toSessions((session) => session.destroy()), ["HTTP/2"]],
  [
    "fails its session",
    toSessions((session) =>
      session.destroy(new Error("harm"), http2.constants.NGHTTP2_INTERNAL_ERROR),
    ),
    ["HTTP/2"],
  ],
  [
    "says GOAWAY and goes",
    toSessions((session) => {
      session.goaway(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
      setImmediate(() => session.destroy());
    }),
    ["HTTP/2"],
  ],
];

/** @param window of an HTTP/2 stream */
async function open(
  protocol: Protocol,
  port: number,
  count: number,
  window = 65_535,
): Promise<Clients> {
  const clients: Clients = { sockets: [], sessions: [] };
  for (let i = 0; i < count; i++) {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    socket.on("error", () => {});
    clients.sockets.push(socket);
    if (protocol === "HTTP/2") {
      const origin = `http://127.0.0.1:${port}`;
      const settings = { initialWindowSize: window };
      const session = http2.connect(origin, { createConnection: () => socket, settings });
      session.on("error", () => {});
      clients.sessions.push(session);
      const stream = session.request();
      stream.on("error", () => {});
      await once(stream, "response");
    } else {
      socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
      await once(socket, "readable");
    }
  }
  onTestFinished(() => toSockets((socket) => socket.destroy())(clients));
  return clients;
}

/** Opens three streams, as every wait needs one of its own. */
async function openThree(protocol: Protocol, port: number, how: string): Promise<Clients> {
  if (how !== "is killed") return open(protocol, port, 3);
  const { process } = await startReaders({ protocol, port, count: 3, rate: 0 });
  return { sockets: [], sessions: [], kill: () => process.kill("SIGKILL") };
}

/** Lets the system work until something is so. */
async function until(isSo: () => boolean, what: string): Promise<void> {
  const wait = async () => {
    while (!isSo()) await settle(1);
  };
  await within(wait(), what);
}

const sendAll = ({ events }: Opened) => Array.from({ length: BLOCKS }, () => events.send(block));

describe.each(PROTOCOLS)("over %s, while a client does not read", (protocol) => {
  it.each(leaves.filter(([, , protocols]) => protocols.includes(protocol)))(
    "and then %s, nobody waits for it any longer",
    async (how, leave) => {
      const { port, opened } = await serveEndpoints(protocol, UNLIMITED);
      const clients = await openThree(protocol, port, how);
      const [sender, closer, piper] = [
        await opened.take(),
        await opened.take(),
        await opened.take(),
      ];
      const sends = sendAll(sender);
      void sendAll(closer);
      const closed = closer.events.close();
      let returns = 0;
      const source = {
        [Symbol.iterator]: () => ({
          next: () => ({ done: false, value: block }),
          return: () => ({ done: true, value: void returns++ }),
        }),
      };
      const piped = piper.events.pipe(source);
      for (const { events } of [sender, piper]) {
        await until(() => events.bufferedAmount > block.length / 2, "bytes that wait");
      }
      leave(clients);
      await expectLoss(sender, "client-left", sends);
      await within(closed, "end of close()");
      // What is left in the body of a response is its server's, and no loss of the endpoint.
      const wasClean = protocol === "Fetch";
      expect(await closer.closes.take()).toMatchObject({ code: "closed", wasClean });
      await within(piped, "end of pipe()");
      expect(returns).toBe(1);
      await expectLoss(piper, "client-left", [piper.events.send("late")]);
    },
  );

  // Node tells the callback of such a write that all is well.
  it("and leaves in the middle of the last write, what it had is lost", async () => {
    const options = { ...UNLIMITED, highWaterMark: 0 };
    const { port, opened } = await serveEndpoints(protocol, options);
    const clients = await open(protocol, port, 1, 1_024);
    const endpoint = await opened.take();
    // No more than one write, of which a part is taken.
    const sends = [endpoint.events.send("x".repeat(protocol === "HTTP/2" ? 10_000 : 8 << 20))];
    await settle(50);
    toSockets((socket) => socket.destroy())(clients);
    await expectLoss(endpoint, "client-left", sends);
  });

  it("and leaves, who waits for a drain alone waits for ever", async () => {
    const { port, opened } = await serveBare(protocol);
    const clients = await open(protocol, port, 1);
    const stream = await opened.take();
    let isDrained = false;
    for (let i = 0; i < BLOCKS; i++) {
      stream.write(block);
      await new Promise((resolve) => setImmediate(resolve));
    }
    void stream.drained().then(() => (isDrained = true));
    toSockets((socket) => socket.destroy())(clients);
    await until(() => !stream.isOpen, "end of the stream");
    await settle();
    expect(isDrained).toBe(false);
  });
});

// Over HTTP/1, one who has nothing more to say may still read.
it.each(["HTTP/1", "Fetch"] as const)(
  "over %s, a client that says FIN and does not read is waited for until its stall",
  async (protocol) => {
    const options = { maxBufferedAmount: Infinity, stallTimeout: 150 };
    const { port, opened } = await serveEndpoints(protocol, options);
    const clients = await open(protocol, port, 1);
    const endpoint = await opened.take();
    const sends = sendAll(endpoint);
    toSockets((socket) => socket.end())(clients);
    await expectLoss(endpoint, "slow-client", sends);
  },
);

it("over HTTP/2, a client that says GOAWAY and reads on gets what waits", async () => {
  const { port, opened } = await serveEndpoints("HTTP/2", UNLIMITED);
  const clients = await open("HTTP/2", port, 1);
  const endpoint = await opened.take();
  const session = clients.sessions[0]!;
  const stream = session.request();
  const { events } = await opened.take();
  const sends = sendAll({ ...endpoint, events });
  session.goaway(http2.constants.NGHTTP2_NO_ERROR);
  let bytes = 0;
  stream.on("data", (chunk: Uint8Array) => (bytes += chunk.length));
  const answers = await within(Promise.all(sends), "answers of send()");
  expect(answers).toEqual(answers.map(() => true));
  void events.close();
  await within(once(stream, "end"), "end of the stream");
  expect(bytes).toBe(":\n".length + BLOCKS * `data: ${block}\n\n`.length);
});

it("over Fetch, an aborted request ends the wait, although the body is never read", async () => {
  const controller = new AbortController();
  const request = new Request("http://host/", { signal: controller.signal });
  const events = new EventEndpoint(request, UNLIMITED) as EventEndpoint;
  const closes = new Inbox<CloseEvent>("close event");
  events.addEventListener("close", (event) => closes.put(event));
  const sends = sendAll({ events, closes });
  controller.abort();
  await expectLoss({ events, closes }, "client-left", sends);
});
