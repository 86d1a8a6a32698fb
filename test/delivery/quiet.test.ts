import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  EventChannel,
  MemoryEventLog,
  type MemberOptions,
  type MemoryEventLogOptions,
} from "../../src/index.ts";
import { turn } from "../support/recording-sink.ts";
import { closeAtEnd } from "./feed.ts";
import { dataOf, Journal, sequenceOf } from "./journal.ts";
import { PacedClient } from "./paced-client.ts";

const MINE: [name: string, options: MemberOptions][] = [
  ["topics", { topics: ["mine"] }],
  ["a filter", { filter: ({ topic }) => topic === "mine" }],
];

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

/** A channel, and a client for whom few events are. */
function start(log: MemoryEventLogOptions, options: MemberOptions) {
  const channel = closeAtEnd(new EventChannel({ log: new MemoryEventLog(log) }));
  const mine = new Set<number>();
  let published = 0;
  const publish = async (topic: "mine" | "others", filling?: string) => {
    if (topic === "mine") mine.add(++published);
    else published++;
    await channel.send(dataOf("a", published, filling), { topic });
    await turn();
  };
  const createClient = (cursor = "") =>
    new PacedClient(new Journal("a", cursor, (place) => mine.has(place)), cursor);
  const join = async (client: PacedClient) => {
    await channel.add(client.connect(), options);
    await turn();
    return client;
  };
  /** What a client gets that drops now, and comes back at once. */
  const resume = async (cursor: string) => {
    const again = await join(createClient(cursor));
    again.leave();
    again.journal.finish(published);
    return { resyncs: again.journal.resyncs, ...again.journal.faults };
  };
  return { publish, createClient, join, resume, last: () => published };
}

const NOTHING_MISSED = { resyncs: [], lost: 0, doubled: 0, reordered: 0, foreign: 0 };

describe.each(MINE)("a client for whom %s let nothing pass", (_, options) => {
  it.each<[limit: string, log: MemoryEventLogOptions, filling: string]>([
    ["16 entries", { maxEntries: 16 }, ""],
    ["1 entry", { maxEntries: 1 }, ""],
    ["2 000 bytes", { maxBytes: 2_000 }, "x".repeat(90)],
    ["2 000 bytes, and characters have three", { maxBytes: 2_000 }, "語".repeat(30)],
    ["less bytes than an event has", { maxBytes: 20 }, "x".repeat(90)],
  ])("can always come back, though the log keeps only %s", async (_limit, log, filling) => {
    const { publish, createClient, join, resume, last } = start(log, options);
    const client = await join(createClient());
    await publish("mine", filling);
    for (let i = 0; i < 60; i++) {
      await publish("others", filling);
      expect(await resume(client.cursor)).toEqual(NOTHING_MISSED);
    }
    await publish("mine", filling);
    client.journal.finish(last());
    expect(client.journal.places).toEqual([1, last()]);
    expect(client.journal.isFaultless).toBe(true);
    expect(client.journal.resyncs).toEqual([]);
    expect(sequenceOf(client.cursor)).toBe(last());
  });

  it("can always come back, though the log keeps for a minute only", async () => {
    const { publish, createClient, join, resume } = start({ maxAge: 60_000 }, options);
    const client = await join(createClient());
    await publish("mine");
    for (let seconds = 0; seconds < 300; seconds++) {
      // Now many, now few: the last one before a long silence counts as well.
      if (seconds % 7 === 0 && seconds % 100 < 40) await publish("others");
      vi.advanceTimersByTime(1_000);
      await turn();
      expect(await resume(client.cursor), `after ${seconds} s`).toEqual(NOTHING_MISSED);
    }
    expect(client.journal.resyncs).toEqual([]);
  });

  it("can always come back after it came back, however far behind its id was", async () => {
    const { publish, createClient, join, resume } = start({ maxEntries: 16 }, options);
    const client = await join(createClient());
    await publish("mine");
    client.leave();
    for (let i = 0; i < 15; i++) await publish("others");
    await join(client);
    for (let i = 0; i < 16; i++) {
      await publish("others");
      expect(await resume(client.cursor)).toEqual(NOTHING_MISSED);
    }
    expect(client.journal.resyncs).toEqual([]);
  });

  it("is told no more often than it takes", async () => {
    const { publish, createClient, join } = start({ maxEntries: 1_000 }, options);
    const client = await join(createClient());
    for (let i = 0; i < 1_000; i++) await publish("others");
    expect(client.journal.readies.length).toBeLessThanOrEqual(5);
    // Whoever has everything is told nothing more.
    await publish("mine");
    const before = client.journal.readies.length;
    vi.advanceTimersByTime(3_600_000);
    await turn();
    expect(client.journal.readies).toHaveLength(before);
  });
});

it("a channel that was quiet for a day resumes without a resync", async () => {
  const { publish, createClient, join, resume } = start({}, {});
  const client = await join(createClient());
  await publish("mine");
  vi.advanceTimersByTime(86_400_000);
  expect(await resume(client.cursor)).toEqual(NOTHING_MISSED);
  await publish("others");
  // Not so who was away meanwhile.
  await publish("others");
  const { resyncs } = await resume(client.journal.readies[0]!);
  expect(resyncs).toEqual([JSON.stringify({ lastEventId: client.journal.readies[0] })]);
});
