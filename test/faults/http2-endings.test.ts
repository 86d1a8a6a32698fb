import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  createServer,
  type Http2Server,
  type Http2ServerResponse,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { addAbortSignal } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import {
  type CloseEvent,
  EventEndpoint,
  type EventEndpointOptions,
  MemoryClosedClients,
} from "../../src/index.ts";
import { tapHttp2 } from "../support/http2-tap.ts";
import { Inbox, within } from "../support/inbox.ts";
import { type ProcessWatch, settle, watchProcess } from "../support/process-watch.ts";
import { Transcript } from "../support/transcript.ts";

const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR, NGHTTP2_PROTOCOL_ERROR } =
  constants;

let watch: ProcessWatch;
beforeEach(() => void (watch = watchProcess()));
afterEach(() => watch.stop());

/** One stream, from both ends. */
interface Pair {
  readonly events: EventEndpoint;
  readonly closes: Inbox<CloseEvent>;
  readonly stream: ClientHttp2Stream;
  readonly output: Transcript;
  /** The end, as the client sees it. */
  ended(): Promise<{ code: number; isWhole: boolean; error: boolean }>;
}

async function start(options: EventEndpointOptions = {}) {
  const endpoints = new Inbox<Pick<Pair, "events" | "closes">>("endpoint");
  const sessions: ServerHttp2Session[] = [];
  const server = createServer((req, res) => {
    const events = new EventEndpoint(req, res, {
      closedClients: new MemoryClosedClients(),
      ...options,
    });
    const closes = new Inbox<CloseEvent>("close event");
    events.addEventListener("close", (event) => closes.put(event));
    endpoints.put({ events, closes });
  });
  server.on("session", (session) => sessions.push(session));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const tap = await tapHttp2((server.address() as AddressInfo).port);
  const clients: ClientHttp2Session[] = [];
  onTestFinished(() => {
    for (const session of [...clients, ...sessions]) session.destroy();
    tap.close();
    server.close();
  });

  const openSession = () => {
    const session = connect(tap.origin);
    session.on("error", () => {});
    clients.push(session);
    return session;
  };
  const open = async (
    headers: OutgoingHttpHeaders = {},
    session = clients[0] ?? openSession(),
  ): Promise<Pair> => {
    const stream = session.request(headers);
    const output = new Transcript();
    let isWhole = false;
    let error = false;
    stream.on("error", () => (error = true));
    stream.on("end", () => (isWhole = true));
    stream.on("data", (bytes: Uint8Array) => output.add(bytes));
    const ended = new Promise<void>((resolve) => stream.on("close", resolve));
    return {
      ...(await endpoints.take()),
      stream,
      output,
      async ended() {
        await within(ended, "end of the stream");
        // An aborted stream "ends", too.
        return { code: stream.rstCode, isWhole: isWhole && !stream.aborted, error };
      },
    };
  };
  return { server, sessions, tap, clients, open, openSession };
}

type Started = Awaited<ReturnType<typeof start>>;

/** It closes once, and never again. */
async function expectClose({ closes, events }: Pair, code: string): Promise<CloseEvent> {
  const event = await closes.take();
  expect(event.code).toBe(code);
  expect(events.closed).toBe(true);
  expect(await events.send("too late")).toBe(false);
  await settle();
  expect(closes.size).toBe(0);
  return event;
}

function expectNoCrash(): void {
  expect({ uncaught: watch.uncaught, rejections: watch.rejections }).toEqual({
    uncaught: [],
    rejections: [],
  });
  expect(watch.warnings).toEqual([]);
}

const WHOLE = { code: NGHTTP2_NO_ERROR, isWhole: true, error: false };

describe("a client that ends its stream", () => {
  const codes = {
    NGHTTP2_CANCEL,
    NGHTTP2_INTERNAL_ERROR,
    NGHTTP2_NO_ERROR,
    NGHTTP2_PROTOCOL_ERROR,
  };

  it.each(Object.entries(codes))("by RST_STREAM with %s harms no other", async (_name, code) => {
    const { open } = await start();
    const pairs: Pair[] = [];
    for (let i = 0; i < 20; i++) pairs.push(await open());
    const sendAll = (data: string) => pairs.map(({ events }) => void events.send(data));
    const leaver = await open();
    sendAll("before");
    leaver.stream.close(code);
    sendAll("during");
    expect((await expectClose(leaver, "client-left")).wasClean).toBe(true);
    sendAll("after");
    for (const { output } of pairs) {
      expect(await output.until("after\n\n")).toBe(
        ":\ndata: before\n\ndata: during\n\ndata: after\n\n",
      );
    }
    expectNoCrash();
  });

  for (const [name, code] of Object.entries(codes)) {
    it(`by RST_STREAM with ${name} while bytes wait for it frees them`, async () => {
      const { open } = await start({ maxBufferedAmount: Infinity, stallTimeout: 1_000 });
      const pair = await open();
      const other = await open();
      pair.stream.pause();
      const sent: Promise<boolean>[] = [];
      for (let i = 0; i < 20; i++) sent.push(pair.events.send("x".repeat(100_000)));
      pair.stream.close(code);
      expect((await expectClose(pair, "client-left")).wasClean).toBe(false);
      expect(await within(sent.at(-1)!, "answer of send()")).toBe(false);
      expect(pair.events.bufferedAmount).toBe(0);
      void other.events.send("still there");
      await other.output.until("still there\n\n");
      expectNoCrash();
    });
  }
});

describe("a session that is over", () => {
  const ends: Record<string, (started: Started) => unknown> = {
    "destroyed by the client": ({ clients }) => clients[0]!.destroy(),
    "destroyed by the client with an error": ({ clients }) =>
      clients[0]!.destroy(new Error("harm"), NGHTTP2_INTERNAL_ERROR),
    "destroyed by the server": ({ sessions }) => sessions[0]!.destroy(),
    "destroyed by the server with an error": ({ sessions }) =>
      sessions[0]!.destroy(new Error("harm"), NGHTTP2_INTERNAL_ERROR),
    "broken by the network": ({ tap }) => {
      for (const socket of tap.sockets) socket.resetAndDestroy();
    },
    "ended by the network": ({ tap }) => {
      for (const socket of tap.sockets) socket.end();
    },
  };

  it.each(Object.entries(ends))("%s: closes each of its streams once", async (_name, end) => {
    const started = await start();
    const pairs: Pair[] = [];
    for (let i = 0; i < 5; i++) pairs.push(await started.open());
    const elsewhere = await started.open({}, started.openSession());
    for (const { events } of [...pairs, elsewhere]) void events.send("before");
    for (const { output } of [...pairs, elsewhere]) await output.until("before\n\n");
    const sessions = [...started.tap.sockets];
    // Only the first connection is meant.
    started.tap.sockets.delete(sessions[1]!);
    // A server whose session fails is told so; that is its own affair.
    started.sessions[0]!.on("error", () => {});
    end(started);
    for (const { events } of pairs) void events.send("during");
    void elsewhere.events.send("during");
    for (const pair of pairs) await expectClose(pair, "client-left");
    void elsewhere.events.send("after");
    expect(await elsewhere.output.until("after\n\n")).toBe(
      ":\ndata: before\n\ndata: during\n\ndata: after\n\n",
    );
    expectNoCrash();
  });

  it.each<[string, (started: Started) => unknown]>([
    ["the client says GOAWAY", ({ clients }) => clients[0]!.goaway(NGHTTP2_NO_ERROR)],
    ["the client closes its session", ({ clients }) => clients[0]!.close()],
    ["the server says GOAWAY", ({ sessions }) => sessions[0]!.goaway(NGHTTP2_NO_ERROR)],
    ["the server closes its session", ({ sessions }) => sessions[0]!.close()],
  ])("goes on with the streams that it has when %s", async (_name, end) => {
    const started = await start();
    const pairs = [await started.open(), await started.open()];
    const [client] = started.clients;
    const [session] = started.sessions;
    // Not every way of the client's is told at once, but then nothing is refused, either.
    const isTold = () => client!.closed || session!.closed;
    const told = Promise.race([
      once(session!, "goaway"),
      once(client!, "goaway"),
      new Promise<void>((resolve) => setImmediate(() => isTold() && resolve())),
    ]);
    end(started);
    await within(told, "GOAWAY");
    await settle();
    for (const { events } of pairs) {
      for (let i = 0; i < 10; i++) expect(await events.send(String(i))).toBe(true);
      void events.close();
    }
    for (const pair of pairs) {
      expect(await pair.ended()).toEqual(WHOLE);
      await expectClose(pair, "closed");
      const numbers = [...pair.output.text.matchAll(/^data: (\d)$/gm)].map(([, n]) => Number(n));
      expect(numbers).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
    expectNoCrash();
  });
});

describe("what a client sees of an ending of ours", () => {
  const failing = {
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error("secret")) }),
  };

  it.each<[string, EventEndpointOptions, (pair: Pair) => unknown]>([
    ["closed", {}, ({ events }) => void events.close()],
    ["no-reconnect", {}, ({ events }) => void events.close(true)],
    ["source-ended", {}, ({ events }) => void events.pipe(["y"])],
    ["max-duration", { maxDuration: 50 }, () => {}],
  ])("%s: a whole body", async (code, options, end) => {
    const { open, tap } = await start(options);
    const pair = await open();
    void pair.events.send("x");
    end(pair);
    expect(await pair.ended()).toEqual(WHOLE);
    expect((await expectClose(pair, code)).wasClean).toBe(true);
    expect(pair.output.text).toMatch(/^:\ndata: x\n\n/);
    expectEnding(tap.frames, pair, "END_STREAM");
    expectNoCrash();
  });

  it("aborted: a whole body", async () => {
    const controller = new AbortController();
    const { open, tap } = await start({ signal: controller.signal });
    const pair = await open();
    void pair.events.send("x");
    controller.abort();
    expect(await pair.ended()).toEqual(WHOLE);
    await expectClose(pair, "aborted");
    expect(pair.output.text).toBe(":\ndata: x\n\n");
    expectEnding(tap.frames, pair, "END_STREAM");
    expectNoCrash();
  });

  it("refused: no body at all", async () => {
    const { open, tap } = await start();
    const pair = await open({ "last-event-id": "evt-closed.zzzzzzzz.1.2.3.4" });
    expect(await pair.ended()).toEqual(WHOLE);
    await expectClose(pair, "refused");
    expectEnding(tap.frames, pair, "END_STREAM");
    expect(tap.frames.filter(({ type }) => type === "DATA")).toHaveLength(0);
    expectNoCrash();
  });

  it.each([
    ["after all that was sent", false],
    ["when nothing waits", true],
  ])("source-failed, %s: an error", async (_name, waits) => {
    const { open, tap } = await start();
    const pair = await open();
    const text = `:\ndata: ${"x".repeat(100_000)}\n\n`;
    void pair.events.send("x".repeat(100_000));
    if (waits) await pair.output.until(text);
    void pair.events.pipe(failing);
    const code = NGHTTP2_INTERNAL_ERROR;
    expect(await pair.ended()).toEqual({ code, isWhole: false, error: true });
    await expectClose(pair, "source-failed");
    expect(pair.output.text).toBe(text);
    expectEnding(tap.frames, pair, code);
    expectNoCrash();
  });

  it.each<[string, EventEndpointOptions]>([
    ["for the bytes that wait", { maxBufferedAmount: 500_000 }],
    ["for the time that they wait", { stallTimeout: 200, maxBufferedAmount: Infinity }],
  ])("slow-client, %s: an error, and the other streams go on", async (_name, options) => {
    const { open, tap } = await start(options);
    const pair = await open();
    const other = await open();
    pair.stream.pause();
    for (let i = 0; i < 50; i++) void pair.events.send("x".repeat(50_000));
    expect((await expectClose(pair, "slow-client")).wasClean).toBe(false);
    pair.stream.resume();
    const code = NGHTTP2_INTERNAL_ERROR;
    expect(await pair.ended()).toEqual({ code, isWhole: false, error: true });
    expectEnding(tap.frames, pair, code);
    void other.events.send("still there");
    expect(await other.output.until("still there\n\n")).toBe(":\ndata: still there\n\n");
    expectNoCrash();
  });

  /** By its frames: END_STREAM and no reset but NO_ERROR, or a reset with this code. */
  function expectEnding(
    frames: Started["tap"]["frames"],
    { stream }: Pair,
    ending: "END_STREAM" | number,
  ): void {
    const own = frames.filter((frame) => frame.stream === stream.id);
    const resets = own.filter(({ type }) => type === "RST_STREAM").map(({ code }) => code);
    expect(own.filter(({ ends }) => ends)).toHaveLength(ending === "END_STREAM" ? 1 : 0);
    if (ending === "END_STREAM") expect([[], [NGHTTP2_NO_ERROR]]).toContainEqual(resets);
    else expect(resets).toEqual([ending]);
    for (const { type, code } of frames) if (type === "GOAWAY") expect(code).toBe(NGHTTP2_NO_ERROR);
  }
});

/** Stops listening, and then ends all streams; `false` if the server does not finish for long. */
async function stops(server: Http2Server, endAll: () => void, ms: number): Promise<boolean> {
  const closed = once(server, "close");
  server.close();
  endAll();
  return within(closed, "close of the server", ms).then(
    () => true,
    () => false,
  );
}

const STOPS = "is closed 2 s after its streams were %s";

describe("a server that stopped listening", () => {
  const ends: Record<string, (pair: Pair) => unknown> = {
    closed: ({ events }) => events.close(),
    "closed for good": ({ events }) => events.close(true),
    "ended with their sources": ({ events }) => events.pipe([]),
    "broken off": ({ events }) => events.pipe([Promise.reject(new Error("harm"))]),
    "left by their clients": ({ stream }) => stream.session?.destroy(),
  };

  it.each(Object.keys(ends))(STOPS, stop);

  async function stop(name: string): Promise<void> {
    const end = ends[name]!;
    const { server, open, openSession } = await start();
    const pairs: Pair[] = [];
    for (let i = 0; i < 4; i++) {
      const session = openSession();
      for (let j = 0; j < 5; j++) pairs.push(await open({}, session));
    }
    for (const { events } of pairs) void events.send("last");
    const endAll = () => {
      for (const pair of pairs) void end(pair);
    };
    expect(await stops(server, endAll, 2_000)).toBe(true);
    for (const pair of pairs) {
      await pair.ended();
      await pair.closes.take();
      if (!name.startsWith("left")) expect(pair.output.text).toContain("data: last\n\n");
    }
    expectNoCrash();
  }
});

describe("bare res.write() over HTTP/2", () => {
  async function startBare() {
    const responses = new Inbox<Http2ServerResponse>("response");
    const server = createServer((_req, res) => {
      res.writeHead(200, { "content-type": "text/event-stream" });
      res.write(":\n");
      responses.put(res);
    });
    const sessions: ServerHttp2Session[] = [];
    server.on("session", (each) => sessions.push(each));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    session.on("error", () => {});
    onTestFinished(() => {
      for (const each of [session, ...sessions]) each.destroy();
      server.close();
    });
    const stream = session.request();
    stream.on("error", () => {});
    return { server, session, sessions, stream, res: await responses.take() };
  }

  it("keeps server.close() waiting although its streams have ended", async () => {
    const { server, stream, res } = await startBare();
    stream.resume();
    expect(await stops(server, () => res.end(), 500)).toBe(false);
  });

  it.each<[string, (leaver: ClientHttp2Stream) => unknown]>([
    ["by RST_STREAM", (leaver) => leaver.close(NGHTTP2_CANCEL)],
    ["by RST_STREAM with an error", (leaver) => leaver.close(NGHTTP2_INTERNAL_ERROR)],
    ["with its session", (leaver) => leaver.session!.destroy()],
  ])(
    "tells nobody any more when one client leaves %s and it waits for it",
    async (_name, leave) => {
      const { stream, res } = await startBare();
      const other = await startBare();
      const output = new Transcript();
      other.stream.on("data", (bytes: Uint8Array) => output.add(bytes));
      stream.pause();
      const sendAll = async (data: string) => {
        for (const each of [res, other.res]) {
          if (!each.write(`data: ${data}\n\n`)) await once(each, "drain");
        }
      };
      const closed = once(res, "close");
      void sendAll("x".repeat(1_000_000));
      leave(stream);
      await within(closed, "close event");
      await expect(output.until("x", 500)).rejects.toThrow('there was no "x"');
    },
  );

  it("loses what it has written when it ends a stream by resetting it", async () => {
    const { stream, res } = await startBare();
    let bytes = 0;
    stream.on("data", (chunk: Uint8Array) => (bytes += chunk.length));
    res.write("x".repeat(500_000));
    res.stream.close();
    await within(once(stream, "close"), "end of the stream");
    expect(stream.rstCode).toBe(NGHTTP2_NO_ERROR);
    expect(bytes).toBeLessThan(500_000);
  });

  it("looks cancelled to its client when a signal ends it as Node's streams do", async () => {
    const { stream, res } = await startBare();
    stream.resume();
    const controller = new AbortController();
    addAbortSignal(controller.signal, res.stream);
    controller.abort();
    await within(once(stream, "close"), "end of the stream");
    expect(stream.rstCode).not.toBe(NGHTTP2_NO_ERROR);
  });

  it("breaks its streams off when it stops by destroying their sessions", async () => {
    const { stream, res, sessions } = await startBare();
    let bytes = 0;
    stream.on("data", (chunk: Uint8Array) => (bytes += chunk.length));
    res.end("x".repeat(500_000));
    sessions[0]!.destroy();
    await within(once(stream, "close"), "end of the stream");
    expect(bytes).toBeLessThan(500_000);
  });

  it("serves a client again that was told to stop", async () => {
    const { session } = await startBare();
    const again = session.request({ "last-event-id": "evt-closed.zzzzzzzz.1.2.3.4" });
    const [head] = (await once(again, "response")) as [Record<string, unknown>];
    expect(head[":status"]).toBe(200);
  });

  it("holds all that a client does not read", async () => {
    const { stream, res } = await startBare();
    stream.pause();
    for (let i = 0; i < 50; i++) res.write("x".repeat(50_000));
    await settle();
    expect(res.stream.destroyed).toBe(false);
    expect(res.writableLength).toBeGreaterThan(2_000_000);
  });

  it("looks complete when its source failed", async () => {
    const { stream, res } = await startBare();
    stream.resume();
    const source = Promise.reject(new Error("harm"));
    await source.catch(() => res.end());
    await within(once(stream, "close"), "end of the stream");
    expect(stream.rstCode).toBe(NGHTTP2_NO_ERROR);
  });

  it("never hears of a client that left with NO_ERROR while bytes wait", async () => {
    const { stream, res } = await startBare();
    stream.pause();
    for (let i = 0; i < 50; i++) res.write("x".repeat(50_000));
    const told = once(res, "close");
    stream.close(NGHTTP2_NO_ERROR);
    await expect(within(told, "close event", 500)).rejects.toThrow("no close event");
  });
});
