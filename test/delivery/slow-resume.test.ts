import { describe, expect, it, onTestFinished } from "vitest";
import {
  EventChannel,
  type EventEndpoint,
  type EventLog,
  MemoryEventLog,
} from "../../src/index.ts";
import { ChannelServer, type ServerKind } from "./channel-server.ts";
import { Feed } from "./feed.ts";
import { FAULTLESS, sumFaults } from "./journal.ts";
import { NaiveChannel } from "./naive-channel.ts";
import { type BareReader, createHttp1Reader, createHttp2Reader } from "./readers.ts";
import type { Channel } from "./splice-world.ts";

const EVENT_BYTES = 65_536;
const filling = "x".repeat(EVENT_BYTES);
/** More than the buffers of any connection hold. */
const HISTORY = 200;

const LIMIT = 200_000;
const endpoint = { maxBufferedAmount: LIMIT, keepAlive: false };

const turn = () => new Promise((resolve) => setImmediate(resolve));

const KINDS: [ServerKind, (port: number, cursor: string) => BareReader][] = [
  ["node:http", createHttp1Reader],
  ["fetch", createHttp1Reader],
  ["h2c", createHttp2Reader],
];

/** Starts a channel with one event, of which clients have the id. */
async function start(
  kind: ServerKind,
  createReader: (port: number, cursor: string) => BareReader,
  createChannel: (log: EventLog) => Channel = (log) => new EventChannel({ log }),
) {
  const log = new MemoryEventLog({ maxBytes: Infinity, maxEntries: Infinity });
  const feed = new Feed("a", createChannel(log));
  const visits: EventEndpoint[] = [];
  const codes: string[] = [];
  const onVisit = (events: EventEndpoint) => {
    visits.push(events);
    events.addEventListener("close", ({ code }) => codes.push(code));
  };
  const server = await ChannelServer.start(kind, feed, { endpoint, onVisit });
  const cursor = await feed.publish();
  const open = () => {
    const reader = createReader(server.port, cursor);
    onTestFinished(() => {
      reader.close();
      server.close();
    });
    return reader;
  };
  return { feed, visits, codes, open };
}

/** Reads a little at a time until it has everything that there is by then. */
async function readSlowly(reader: BareReader, place: number, onTurn: () => void): Promise<void> {
  let isThere = false;
  const there = reader.until(place).then(() => (isThere = true));
  while (!isThere) {
    reader.wake();
    await turn();
    reader.sleep();
    onTurn();
    await turn();
  }
  await there;
  reader.wake();
}

describe.each(KINDS)("a reader that is slow, of %s,", (kind, createReader) => {
  it("is cut off while it takes nothing, resumes by its id, and ends complete", async () => {
    const { feed, visits, codes, open } = await start(kind, createReader);
    const reader = open();
    await feed.publish();
    await reader.until(feed.published);
    reader.sleep();
    let peak = 0;
    for (let i = 0; i < HISTORY && !visits[0]!.closed; i++) {
      await feed.publish(filling);
      peak = Math.max(peak, visits[0]!.bufferedAmount);
      await turn();
    }
    expect(codes).toEqual(["slow-client"]);
    expect(peak).toBeLessThan(LIMIT + 2 * EVENT_BYTES);
    reader.wake();
    await feed.publish();
    await reader.until(feed.published);
    expect(sumFaults([reader.journal])).toEqual(FAULTLESS);
    expect(codes).toEqual(["slow-client"]);
    expect(visits).toHaveLength(2);
  });

  it("is given a long history at its own speed, while events come, on one connection", async () => {
    const { feed, visits, codes, open } = await start(kind, createReader);
    for (let i = 0; i < HISTORY; i++) await feed.publish(filling);
    const reader = open();
    let peak = 0;
    let turns = 0;
    await readSlowly(reader, feed.published, () => {
      peak = Math.max(peak, visits[0]?.bufferedAmount ?? 0);
      if (++turns % 50 === 0) void feed.publish();
    });
    await feed.publish();
    await reader.until(feed.published);
    expect(sumFaults([reader.journal])).toEqual(FAULTLESS);
    expect(visits).toHaveLength(1);
    expect(codes).toEqual([]);
    expect(peak).toBeLessThan(65_536 + 2 * EVENT_BYTES);
  });
});

it("a naive channel cuts off whoever has a long history to read, again and again", async () => {
  const createChannel = (log: EventLog) => new NaiveChannel(log, "replay first");
  const { feed, codes, open } = await start("h2c", createHttp2Reader, createChannel);
  for (let i = 0; i < HISTORY; i++) await feed.publish(filling);
  const reader = open();
  for (let i = 0; i < 10_000 && codes.length < 3; i++) await turn();
  expect(codes.slice(0, 3)).toEqual(["slow-client", "slow-client", "slow-client"]);
  expect(reader.journal.position).toBeLessThan(feed.published);
});
