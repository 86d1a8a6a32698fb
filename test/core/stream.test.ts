import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createClosingId, MemoryClosedClients } from "../../src/core/closed-clients.ts";
import type { CloseEvent } from "../../src/core/events.ts";
import type { EventEndpointOptions } from "../../src/core/types.ts";
import { RecordedStream, RecordingSink, turn } from "../support/recording-sink.ts";

let sink: RecordingSink;
let closes: CloseEvent[];
/** Ends what a test leaves open: all streams share one timer, which must not stay behind. */
let ends: (() => void)[];

beforeEach(() => {
  // Promises and ticks stay real: only time is ours.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
  sink = new RecordingSink();
  closes = [];
  ends = [];
});
afterEach(() => {
  for (const end of ends) end();
  // Nobody holds the streams any longer.
  sink = new RecordingSink();
  closes = [];
  ends = [];
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

function open(options: EventEndpointOptions = {}, lastEventId?: string): RecordedStream {
  const stream = new RecordedStream(
    sink,
    { closedClients: new MemoryClosedClients(), ...options },
    lastEventId,
  );
  stream.addEventListener("close", (event) => closes.push(event));
  const { owner } = sink;
  ends.push(() => owner.sinkClosed(true));
  return stream;
}

describe("keeping alive", () => {
  it("sends a comment after 15 s of silence, again and again", () => {
    open();
    vi.advanceTimersByTime(14_999);
    expect(sink.writes).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(sink.writes).toEqual([":\n"]);
    vi.advanceTimersByTime(30_000);
    expect(sink.writes).toEqual([":\n", ":\n", ":\n"]);
  });

  it("counts from the last output", async () => {
    const stream = open({ keepAlive: 1000 });
    vi.advanceTimersByTime(900);
    void stream.send("x");
    await turn();
    vi.advanceTimersByTime(999);
    expect(sink.writes).toEqual(["data: x\n\n"]);
    vi.advanceTimersByTime(1);
    expect(sink.writes).toEqual(["data: x\n\n", ":\n"]);
  });

  it.each([false, 0, Infinity])("is turned off by %s", (keepAlive) => {
    open({ keepAlive });
    vi.advanceTimersByTime(1e9);
    expect(sink.writes).toEqual([]);
  });

  it("means the default by true and by undefined", () => {
    open({ keepAlive: true });
    open({ keepAlive: undefined });
    vi.advanceTimersByTime(15_000);
    expect(sink.writes).toEqual([":\n", ":\n"]);
  });

  it("takes 8 s on Bun, which would hang up after 10 s", () => {
    vi.stubGlobal("Bun", {});
    open();
    vi.unstubAllGlobals();
    vi.advanceTimersByTime(8_000);
    expect(sink.writes).toEqual([":\n"]);
  });

  it("adds nothing to what waits already, nor to a response that nobody reads yet", async () => {
    sink.flows = false;
    const stream = open({ keepAlive: 1000, stallTimeout: Infinity });
    void stream.send("x");
    await turn();
    vi.advanceTimersByTime(10_000);
    expect(sink.writes).toEqual(["data: x\n\n"]);
    sink.take();
    sink.started = false;
    vi.advanceTimersByTime(10_000);
    expect(sink.writes).toEqual(["data: x\n\n"]);
  });

  it("uses one timer for any number of streams, and none once they are closed", () => {
    const streams = Array.from({ length: 100 }, () => open());
    expect(vi.getTimerCount()).toBe(1);
    for (const stream of streams) void stream.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a client that does not read", () => {
  it("is cut off when it took nothing for 10 s", async () => {
    sink.flows = false;
    const stream = open({ keepAlive: false });
    const sent = stream.send("x".repeat(100_000));
    vi.advanceTimersByTime(9_999);
    expect(stream.closed).toBe(false);
    vi.advanceTimersByTime(1);
    expect(closes).toMatchObject([{ code: "slow-client", wasClean: false }]);
    expect(sink.aborts).toMatchObject([{ code: "slow-client" }]);
    expect(await sent).toBe(false);
  });

  it("is never cut off while it makes progress, however small", async () => {
    sink.flows = false;
    const stream = open({ keepAlive: false, stallTimeout: 1000 });
    void stream.send("x".repeat(1000));
    await turn();
    for (let seconds = 0; seconds < 100; seconds++) {
      vi.advanceTimersByTime(900);
      // Not even a whole write: the sink is not told.
      sink.take(1, false);
    }
    expect(stream.closed).toBe(false);
    vi.advanceTimersByTime(1000 + 1000 / 8);
    expect(closes).toMatchObject([{ code: "slow-client" }]);
  });

  it("is not watched any more once it has caught up", async () => {
    sink.flows = false;
    const stream = open({ keepAlive: false, stallTimeout: 1000 });
    void stream.send("x");
    await turn();
    vi.advanceTimersByTime(900);
    sink.take();
    vi.advanceTimersByTime(10_000);
    void stream.send("y");
    await turn();
    vi.advanceTimersByTime(999);
    expect(stream.closed).toBe(false);
    vi.advanceTimersByTime(1);
    expect(stream.closed).toBe(true);
  });

  it("cannot hold up the end of a stream that was closed", async () => {
    sink.flows = false;
    const stream = open({ stallTimeout: 1000 });
    void stream.send("x");
    const closed = stream.close({ reason: "done" });
    expect(closes).toEqual([]);
    vi.advanceTimersByTime(1000);
    await closed;
    expect(closes).toMatchObject([{ code: "closed", reason: "done", wasClean: false }]);
    expect(sink.aborts).toHaveLength(1);
  });

  it("is told to be clean when it took everything after the close", async () => {
    sink.flows = false;
    const stream = open();
    void stream.send("x");
    const closed = stream.close();
    expect(stream.closed).toBe(true);
    sink.take();
    await closed;
    expect(closes).toMatchObject([{ code: "closed", wasClean: true }]);
  });
});

describe("limits", () => {
  it("send() waits above the high-water mark, all sends for the same drain", async () => {
    sink.flows = false;
    const stream = open({ highWaterMark: 100 });
    const free = stream.send("x".repeat(80));
    const first = stream.send("x".repeat(80));
    const second = stream.send("");
    expect(first).not.toBe(free);
    expect(second).toBe(first);
    expect(stream.bufferedAmount).toBe(184);
    let answer: boolean | undefined;
    void first.then((value) => (answer = value));
    sink.take(50);
    await turn();
    expect(answer).toBeUndefined();
    sink.take(50);
    await turn();
    expect(answer).toBe(true);
  });

  it("a burst in one turn is offered to the system before it is judged", () => {
    const stream = open({ maxBufferedAmount: 1000 });
    for (let i = 0; i < 100; i++) void stream.send("x".repeat(100));
    expect(stream.closed).toBe(false);
  });

  it("the remains of one large event do not make its successor one too many", async () => {
    sink.flows = false;
    const stream = open({ maxBufferedAmount: 1000, stallTimeout: Infinity });
    void stream.send("x".repeat(10_000));
    await turn();
    sink.take(5_000);
    void stream.send("small");
    expect(stream.closed).toBe(false);
    // But more than the limit does not fit beside it.
    sink.take(100);
    for (let i = 0; i < 100; i++) void stream.send("x".repeat(90));
    expect(closes).toMatchObject([{ code: "slow-client" }]);
  });

  it("Infinity removes the limit", async () => {
    sink.flows = false;
    const stream = open({ maxBufferedAmount: Infinity, stallTimeout: Infinity });
    for (let i = 0; i < 100; i++) void stream.send("x".repeat(100_000));
    await turn();
    expect(stream.closed).toBe(false);
    expect(stream.bufferedAmount).toBe(100 * 100_008);
  });

  it("bufferedAmount is in bytes, written or not", async () => {
    sink.flows = false;
    const stream = open();
    void stream.send("é日😀");
    expect(stream.bufferedAmount).toBe(Buffer.byteLength("data: é日😀\n\n"));
    await turn();
    expect(stream.bufferedAmount).toBe(Buffer.byteLength("data: é日😀\n\n"));
  });
});

describe("maxDuration", () => {
  it("ends the stream between 80 and 120 % of it, differently for each client", () => {
    const durations = new Set<number>();
    const start = performance.now();
    for (let i = 0; i < 100; i++) {
      sink = new RecordingSink();
      const stream = open({ maxDuration: 10_000, keepAlive: false });
      stream.addEventListener("close", () => durations.add(performance.now() - start));
    }
    vi.advanceTimersByTime(7_999);
    expect(closes).toEqual([]);
    vi.advanceTimersByTime(4_011);
    expect(closes).toHaveLength(100);
    expect(closes[0]).toMatchObject({ code: "max-duration", wasClean: true });
    expect(durations.size).toBeGreaterThan(50);
    expect(sink.writes).toEqual([]);
  });
});

describe("the close event", () => {
  it("comes when everything is settled, at once if nothing is on its way", () => {
    const stream = open();
    stream.addEventListener("close", () => {
      expect(stream.closed).toBe(true);
      expect(stream.signal.aborted).toBe(true);
      expect(stream.dispatchMessage("x")).toBe(false);
      void stream.close(true);
    });
    void stream.close();
    expect(closes).toMatchObject([{ code: "closed" }]);
  });

  it("waits for listeners when the end came before anybody could listen", async () => {
    open({ signal: AbortSignal.abort() });
    expect(closes).toEqual([]);
    await turn();
    expect(closes).toMatchObject([{ code: "aborted" }]);
  });

  it("is not kept from the others, nor from close(), by a listener that throws", async () => {
    const thrown: unknown[] = [];
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.once("uncaughtException", (error) => thrown.push(error));
    const stream = open();
    stream.addEventListener("close", () => {
      throw new Error("from a listener");
    });
    stream.addEventListener("close", (event) => closes.push(event));
    await stream.close();
    await new Promise((resolve) => setImmediate(resolve));
    for (const listener of listeners) process.on("uncaughtException", listener);
    expect(closes).toHaveLength(2);
    // What a listener throws is uncaught on any EventTarget of Node.
    expect(thrown).toMatchObject([{ message: "from a listener" }]);
  });

  it("is found where only the class of the options has it", () => {
    const controller = new AbortController();
    class Options {
      get signal(): AbortSignal {
        return controller.signal;
      }
    }
    const stream = new RecordedStream(sink, new Options());
    stream.addEventListener("close", (event) => closes.push(event));
    controller.abort();
    expect(closes).toMatchObject([{ code: "aborted" }]);
  });

  it("puts one listener on a signal, however many streams follow it, and lets go of it", () => {
    const controller = new AbortController();
    const listeners = new Set<unknown>();
    const { signal } = controller;
    vi.spyOn(signal, "addEventListener").mockImplementation((_type, listener) => {
      listeners.add(listener);
    });
    vi.spyOn(signal, "removeEventListener").mockImplementation((_type, listener) => {
      listeners.delete(listener);
    });
    const streams = Array.from({ length: 100 }, () => {
      sink = new RecordingSink();
      return open({ signal });
    });
    expect(listeners.size).toBe(1);
    for (const stream of streams) void stream.close();
    expect(listeners.size).toBe(0);
    sink = new RecordingSink();
    open({ signal });
    expect(listeners.size).toBe(1);
  });

  it("tells all streams of a signal, also when one of them closes another", () => {
    const controller = new AbortController();
    const streams = Array.from({ length: 3 }, () => {
      sink = new RecordingSink();
      return open({ signal: controller.signal });
    });
    streams[0]!.addEventListener("close", () => void streams[1]!.close());
    controller.abort();
    expect(closes.map(({ code }) => code).sort()).toEqual(["aborted", "aborted", "closed"]);
  });
});

describe("a stream that is over", () => {
  it("takes whatever it is given, and does nothing with it", async () => {
    const stream = open();
    void stream.close();
    const { length } = sink.writes;
    const locked = new ReadableStream();
    locked.getReader();
    for (const source of [5, null, locked, { [Symbol.iterator]: () => 5 }]) {
      expect(await stream.pipe(source as never, 7 as never)).toBeUndefined();
    }
    expect(await stream.send(1n, { id: "a\n" })).toBe(false);
    expect(stream.dispatchMessage(() => {})).toBe(false);
    expect(stream.dispatchEvent(5 as never)).toBe(false);
    expect(sink.writes.length).toBe(length);
  });
});

describe("a client that comes back with a closing id", () => {
  it("is refused for an hour, and then counts as one without an id", async () => {
    const id = createClosingId();
    vi.advanceTimersByTime(3_599_000);
    expect(open({}, id).closed).toBe(true);
    expect(sink.head).toMatchObject({ status: 204, preamble: "" });
    vi.advanceTimersByTime(2_000);
    sink = new RecordingSink();
    const stream = open({}, id);
    expect(stream.closed).toBe(false);
    expect(stream.lastEventId).toBe("");
    expect(sink.head).toMatchObject({ status: 200 });
  });

  it("is not marked once more with it", () => {
    const id = createClosingId();
    vi.advanceTimersByTime(3_601_000);
    const added: string[] = [];
    const closedClients = { has: () => false, add: (key: string) => void added.push(key) };
    void open({ closedClients }, id).close(true);
    expect(added).toEqual([]);
  });
});

describe("turns", () => {
  it("what is sent in one turn is one write, in order, with what close() adds", async () => {
    const stream = open();
    void stream.send("a");
    stream.dispatchComment("b");
    stream.dispatchEvent(new MessageEvent("c", { data: "c" }));
    expect(sink.writes).toEqual([]);
    void stream.close({ reconnectionTime: 5 });
    expect(sink.writes).toEqual(["data: a\n\n: b\nevent: c\ndata: c\n\nretry: 5\n\n"]);
    await turn();
    expect(sink.writes).toHaveLength(1);
  });

  it("more than the high-water mark is written at once, and does not pile up first", () => {
    const stream = open({ highWaterMark: 1000 });
    for (let i = 0; i < 100; i++) void stream.send("x".repeat(92));
    expect(sink.writes.length).toBeGreaterThan(8);
    expect(stream.bufferedAmount).toBeLessThanOrEqual(1000);
  });
});
