import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type CloseEvent, type EventEndpoint, MemoryClosedClients } from "../../src/index.ts";
import { type Host, type StartHost, startFetch, startHttp1, startHttp2 } from "../contract/host.ts";
import { Inbox, within } from "../support/inbox.ts";
import { RecordedStream, RecordingSink, turn } from "../support/recording-sink.ts";

const HOUR = 3_600_000;
const TEN_YEARS = 10 * 365 * 24 * HOUR;
const JUMPS = [
  ["an hour ahead", HOUR],
  ["an hour back", -HOUR],
  ["ten years ahead", TEN_YEARS],
  ["ten years back", -TEN_YEARS],
] as const;

afterEach(() => void vi.useRealTimers());

/** Sets the wall clock; what measures durations goes on. */
function jump(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

describe.each(JUMPS)("when the wall clock is set %s", (_, ms) => {
  let sink: RecordingSink;
  let closes: CloseEvent[];
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
    sink = new RecordingSink();
    closes = [];
  });
  afterEach(() => {
    // Nobody holds the streams any longer.
    sink = new RecordingSink();
    closes = [];
  });

  function open(options: ConstructorParameters<typeof RecordedStream>[1], id?: string) {
    const stream = new RecordedStream(sink, options, id);
    stream.addEventListener("close", (event) => closes.push(event));
    return stream;
  }

  it("a keep-alive comes neither early nor never", () => {
    const stream = open({ keepAlive: 1000 });
    for (let seconds = 0; seconds < 5; seconds++) {
      vi.advanceTimersByTime(500);
      jump(ms);
      vi.advanceTimersByTime(499);
      expect(sink.writes).toHaveLength(seconds);
      vi.advanceTimersByTime(1);
      expect(sink.writes).toHaveLength(seconds + 1);
    }
    void stream.close();
  });

  it("a client that stalls is cut off neither early nor never", async () => {
    sink.flows = false;
    const stream = open({ keepAlive: false, stallTimeout: 1000 });
    void stream.send("x");
    await turn();
    jump(ms);
    vi.advanceTimersByTime(999);
    expect(stream.closed).toBe(false);
    jump(ms);
    vi.advanceTimersByTime(1);
    expect(closes).toMatchObject([{ code: "slow-client" }]);
  });

  it("maxDuration is over neither early nor never", () => {
    const stream = open({ keepAlive: false, maxDuration: 1000 });
    jump(ms);
    vi.advanceTimersByTime(799);
    expect(stream.closed).toBe(false);
    jump(ms);
    vi.advanceTimersByTime(1200 - 799 + 10);
    expect(closes).toMatchObject([{ code: "max-duration" }]);
  });

  it("a mark in memory stays for its time, and no longer", () => {
    const clients = new MemoryClosedClients({ ttl: 60_000 });
    clients.add("a");
    jump(ms);
    vi.advanceTimersByTime(59_999);
    expect(clients.has("a")).toBe(true);
    // Setting another one sweeps those that have expired.
    clients.add("b");
    expect(clients.has("a")).toBe(true);
    jump(ms);
    vi.advanceTimersByTime(1);
    expect(clients.has("a")).toBe(false);
    expect(clients.has("b")).toBe(true);
  });

  it("only a closing id goes by it, because another machine has to judge it", () => {
    void open({}).close(true);
    const id = /^id: (\S+)$/m.exec(sink.writes.join(""))![1]!;
    jump(ms);
    // An hour that passed by the clock counts as one that passed.
    const isOver = ms >= HOUR + 1000;
    vi.advanceTimersByTime(1000);
    sink = new RecordingSink();
    const stream = open({}, id);
    expect(stream.closed).toBe(!isOver && ms < HOUR);
    expect(stream.lastEventId).toBe("");
    void stream.close();
  });
});

describe.each<[name: string, start: StartHost]>([
  ["HTTP/1", startHttp1],
  ["HTTP/2", startHttp2],
  ["Fetch", startFetch],
])("on %s, with a wall clock that goes mad", (_, start) => {
  let host: Host;
  let endpoints: Inbox<EventEndpoint>;
  let openedAt: number;
  let closes: Inbox<{ code: string; ms: number }>;
  let madness: NodeJS.Immediate;

  beforeEach(async () => {
    endpoints = new Inbox("endpoint");
    closes = new Inbox("close event");
    host = await start((open) => {
      openedAt = performance.now();
      const events = open({ keepAlive: 50, maxDuration: 1_000 });
      events.addEventListener("close", ({ code }) => {
        closes.put({ code, ms: performance.now() - openedAt });
      });
      endpoints.put(events);
    });
    vi.useFakeTimers({ toFake: ["Date"] });
    let turns = 0;
    const goMad = () => {
      jump(JUMPS[turns++ % JUMPS.length]![1]);
      madness = setImmediate(goMad);
    };
    goMad();
  });
  afterEach(async () => {
    clearImmediate(madness);
    vi.useRealTimers();
    await host.close();
    endpoints.clear();
  });

  it("keeps alive and ends in real time", async () => {
    const client = await within(host.request(), "answer");
    await endpoints.take();
    const text = await client.readAll();
    const { code, ms } = await closes.take();
    expect(code).toBe("max-duration");
    expect(ms).toBeGreaterThanOrEqual(800);
    expect(text).toMatch(/^(:\n){2,}$/);
    // The first comment is the stream's first byte; the others are 50 ms apart or more.
    expect(text.length / 2 - 1).toBeLessThanOrEqual(ms / 50);
  });
});
