import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  type CloseEvent,
  type EventEndpointOptions,
  MemoryClosedClients,
} from "../../src/index.ts";
import { type Host, startFetch, startHttp1, startHttp2 } from "../contract/host.ts";
import { Inbox, within } from "../support/inbox.ts";
import { RecordedStream, RecordingSink } from "../support/recording-sink.ts";
import "../support/seed.ts";

/** How one endpoint lived. */
interface Life {
  readonly ms: number;
  readonly code: CloseEvent["code"];
  readonly wasClean: boolean;
}

/** More than this is no delay of a busy machine. */
const LATE_MS = 10_000;

describe.each([
  ["HTTP/1", startHttp1],
  ["HTTP/2", startHttp2],
  ["Fetch", startFetch],
])("on %s", (_, start) => {
  let host: Host;
  let options: EventEndpointOptions;
  let lives: Inbox<Life>;
  /** Whether the endpoints send something in every turn. */
  let isBusy = false;

  beforeAll(async () => {
    host = await start((open) => {
      const openedAt = performance.now();
      const events = open({ closedClients: new MemoryClosedClients(), ...options });
      const inbox = lives;
      events.addEventListener("close", ({ code, wasClean }) => {
        inbox.put({ ms: performance.now() - openedAt, code, wasClean });
      });
      const chatter = () => {
        if (events.closed) return;
        void events.send("a line\nand another");
        setImmediate(chatter);
      };
      if (isBusy) chatter();
    });
  });
  afterAll(() => host.close());
  beforeEach(() => {
    lives = new Inbox("close event");
    isBusy = false;
  });

  it("maxDuration ends each stream between 80 and 120 % of it, and not all at once", async () => {
    options = { maxDuration: 1_000, keepAlive: false };
    const clients = await Promise.all(Array.from({ length: 12 }, () => host.request()));
    // The time of a response that nobody reads does not run out.
    await Promise.all(clients.map((client) => client.readChunk()));
    const all: Life[] = [];
    while (all.length < 12) all.push(await lives.take());
    for (const client of clients) expect(await client.readAll()).toBe(":\n");
    for (const { code, wasClean } of all) {
      expect({ code, wasClean }).toEqual({ code: "max-duration", wasClean: true });
    }
    const times = all.map(({ ms }) => ms);
    expect(Math.min(...times)).toBeGreaterThanOrEqual(800);
    expect(Math.max(...times)).toBeLessThanOrEqual(1_200 + LATE_MS);
    // Twelve random ones lie closer together once in more runs than there will be.
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(20);
  });

  it("maxDuration ends a busy stream between two events", async () => {
    options = { maxDuration: 100, highWaterMark: Infinity, maxBufferedAmount: Infinity };
    isBusy = true;
    const client = await host.request();
    const text = await client.readAll();
    expect(text).toMatch(/^:\n(data: a line\ndata: and another\n\n)+$/);
    const { ms, ...rest } = await lives.take();
    expect(rest).toEqual({ code: "max-duration", wasClean: true });
    expect(ms).toBeGreaterThanOrEqual(80);
  });

  it("reconnectionTime is another one of the range for each client", async () => {
    options = { reconnectionTime: [10_000, 2_000_000_000] };
    const times = new Set<number>();
    for (let visits = 0; visits < 10; visits++) {
      const client = await within(host.request(), "answer");
      await client.readUntil("\n\n");
      const time = Number(/^retry: (\d+)\n\n$/.exec(client.text)?.[1]);
      expect(time).toBeGreaterThanOrEqual(10_000);
      expect(time).toBeLessThanOrEqual(2_000_000_000);
      times.add(time);
      client.abort();
    }
    expect(times.size).toBeGreaterThanOrEqual(9);
  });
});

describe("any range of reconnection times", () => {
  const time = fc.oneof(fc.nat(2 ** 31 - 1), fc.nat(10), fc.constant(2 ** 31 - 1));

  it("gives integers of it, both ends included", () => {
    const random = Math.random;
    try {
      fc.assert(
        fc.property(time, time, fc.nat(2 ** 31 - 1), (one, other, dice) => {
          const [min, max] = [Math.min(one, other), Math.max(one, other)];
          const open = (value: number) => {
            Math.random = () => value;
            const sink = new RecordingSink();
            void new RecordedStream(sink, { reconnectionTime: [min, max] }).close();
            return Number(/^retry: (\d+)\n\n$/.exec(sink.head!.preamble)?.[1]);
          };
          expect(open(0)).toBe(min);
          expect(open(1 - 2 ** -53)).toBe(max);
          const any = open(dice / 2 ** 31);
          expect(any >= min && any <= max && Number.isInteger(any)).toBe(true);
        }),
      );
    } finally {
      Math.random = random;
    }
  });
});
