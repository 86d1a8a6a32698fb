import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EventChannel, MemoryEventLog, type MemoryEventLogOptions } from "../../src/index.ts";
import { turn } from "../support/recording-sink.ts";
import { Feed } from "./feed.ts";
import { Journal, sequenceOf } from "./journal.ts";
import { PacedClient } from "./paced-client.ts";

/** A few events at a time, and then the client has to take them. */
const SLOW = { highWaterMark: 200, maxBufferedAmount: Infinity };

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

/** A log that counts how often it is asked. */
class CountingLog extends MemoryEventLog {
  questions = 0;

  override after(id: string, limit: number) {
    this.questions++;
    return super.after(id, limit);
  }
}

async function publish(feed: Feed, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await feed.publish();
  await turn();
}

/** Lets the client take what it is given, until nothing more comes. */
async function takeAll(client: PacedClient): Promise<void> {
  for (; client.waiting > 0; await turn()) client.take();
}

const TRIMS: [what: string, log: MemoryEventLogOptions, trim: (feed: Feed) => Promise<void>][] = [
  ["their number", { maxEntries: 40 }, (feed) => publish(feed, 60)],
  ["their bytes", { maxBytes: 200 }, (feed) => publish(feed, 60)],
  ["their age", { maxAge: 60_000 }, async () => void vi.advanceTimersByTime(60_001)],
];

describe.each(TRIMS)("entries that leave the log for %s", (_, options, trim) => {
  it.each([0, 1, 2, 3, 5])(
    "are announced to a slow client once, who had been given some of them %i times",
    async (times) => {
      const log = new CountingLog(options);
      const feed = new Feed("a", new EventChannel({ log }));
      const cursor = await feed.publish();
      await publish(feed, 35);
      const client = new PacedClient(new Journal("a", cursor), cursor, false, SLOW);
      const joined = feed.channel.add(client.connect());
      await turn();
      for (let i = 0; i < times; i++) {
        client.take();
        await turn();
      }
      expect(client.journal.places.length).toBeLessThan(35);
      await trim(feed);
      await takeAll(client);
      expect(await joined).toBe(true);
      const resyncedAt = sequenceOf(client.cursor);
      const before = client.journal.places.length;
      await publish(feed, 3);
      await takeAll(client);
      const { journal, stream } = client;
      expect(journal.resyncs).toHaveLength(1);
      expect(journal.places.slice(before)).toEqual([1, 2, 3].map((n) => resyncedAt + n));
      journal.finish(feed.published);
      expect(journal.faults).toEqual({ lost: 0, doubled: 0, reordered: 0, foreign: 0 });
      expect(stream!.closed).toBe(false);
      expect(log.questions).toBeLessThan(40);
    },
  );
});

describe("a client that comes back", () => {
  it.each([0, 1, 5, 20])(
    "with any id gets everything after it if the log has that, and else one resync (of %i)",
    async (maxEntries) => {
      const feed = Feed.of({ log: new MemoryEventLog({ maxEntries }) });
      const cursors: string[] = [];
      while (cursors.length < 30) cursors.push(await feed.publish());
      const clients = cursors.map((cursor) => new PacedClient(new Journal("a", cursor), cursor));
      await Promise.all(clients.map((client) => feed.channel.add(client.connect())));
      await publish(feed, 1);
      for (const [i, { journal }] of clients.entries()) {
        const missed = 29 - i;
        const isKept = missed <= maxEntries;
        expect(journal.resyncs, `${missed} behind`).toHaveLength(isKept ? 0 : 1);
        expect(journal.places).toHaveLength(isKept ? missed + 1 : 1);
        journal.finish(feed.published);
        expect(journal.isFaultless).toBe(true);
      }
    },
  );

  it.each([0, 1, 5, 150])(
    "gets everything if it is no more behind than maxReplay, and else one resync (of %i)",
    async (maxReplay) => {
      for (const behind of new Set([0, maxReplay - 1, maxReplay, maxReplay + 1, 199])) {
        if (behind < 0) continue;
        const feed = Feed.of({ maxReplay });
        const cursor = await feed.publish();
        await publish(feed, behind);
        const client = new PacedClient(new Journal("a", cursor), cursor, false, SLOW);
        void feed.channel.add(client.connect());
        // What comes meanwhile does not count.
        await publish(feed, 20);
        await takeAll(client);
        client.journal.finish(feed.published);
        const isNear = behind <= maxReplay;
        expect(client.journal.resyncs, `${behind} behind`).toHaveLength(isNear ? 0 : 1);
        expect(client.journal.places).toHaveLength(isNear ? behind + 20 : 20);
        expect(client.journal.isFaultless).toBe(true);
      }
    },
  );

  it("after a resync, with the id of that, gets no second one", async () => {
    const feed = Feed.of({ log: new MemoryEventLog({ maxEntries: 5 }) });
    const cursor = await feed.publish();
    await publish(feed, 20);
    const client = new PacedClient(new Journal("a", cursor), cursor);
    for (let i = 0; i < 5; i++) {
      await feed.channel.add(client.connect());
      await turn();
      client.leave();
      await publish(feed, 3);
    }
    await feed.channel.add(client.connect());
    await turn();
    client.journal.finish(feed.published);
    expect(client.journal.resyncs).toHaveLength(1);
    expect(client.journal.faults).toEqual({ lost: 0, doubled: 0, reordered: 0, foreign: 0 });
  });

  it("and is too slow for what is published, gets on, and hears of every gap", async () => {
    const log = new CountingLog({ maxEntries: 20 });
    const feed = new Feed("a", new EventChannel({ log }));
    const cursor = await feed.publish();
    const limits = { highWaterMark: 200, maxBufferedAmount: 1_000 };
    const client = new PacedClient(new Journal("a", cursor), cursor, false, limits);
    let connections = 0;
    let mostBehind = 0;
    for (let round = 0; round < 300; round++) {
      if (!client.stream || client.stream.closed) {
        connections++;
        void feed.channel.add(client.connect());
      }
      await turn();
      if (round % 3 === 0) client.take();
      await publish(feed, 15);
      mostBehind = Math.max(mostBehind, feed.published - client.journal.position!);
    }
    expect(connections).toBeGreaterThan(20);
    expect(client.journal.resyncs.length).toBeGreaterThan(20);
    expect(client.journal.resyncs.length).toBeLessThanOrEqual(connections);
    expect(log.questions).toBeLessThan(connections * 4);
    expect(mostBehind).toBeLessThan(100);
    await takeAll(client);
    client.journal.finish(client.journal.position!);
    expect(client.journal.faults).toEqual({ lost: 0, doubled: 0, reordered: 0, foreign: 0 });
  });
});
