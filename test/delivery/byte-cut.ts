import { expect } from "vitest";
import { within } from "../support/inbox.ts";
import { type CutKind, Line } from "../support/line.ts";
import { seed } from "../support/seed.ts";
import { ChannelServer, type ServerKind } from "./channel-server.ts";
import { Feed } from "./feed.ts";
import { type CreateReader, PATIENCE_MS, type Reader } from "./readers.ts";

/** Events that clients have missed when they come, and events that come when they are there. */
const MISSED = 10;
const LIVE = 10;
/** Events that come while clients are on their way back. */
const MEANWHILE = 5;

const endpoint = {
  // No rest for clients that know what they should do.
  reconnectionTime: 1,
  keepAlive: false,
  headers: { "Access-Control-Allow-Origin": "*" },
};

/** A client, and the line to it that is to be cut. */
interface Victim {
  readonly offset: number;
  readonly line: Line;
  readonly cut: Promise<void>;
  readonly reader: Reader;
}

export interface CutPlan {
  readonly kind: ServerKind;
  readonly how: CutKind;
  readonly createReader: CreateReader;
  /** How many clients there are at the same time. */
  readonly crowd?: number;
  /** The first offset; 0 if not given. */
  readonly from?: number;
  /** Only one of so many offsets is tried, others at other times; with `SOAK`, all are. */
  readonly sample?: number;
}

/**
 * Lets clients read a stream of 20 events, cuts each of them off after another number of bytes,
 * lets them come back, and judges what they got. Answers with how many cuts there were.
 */
export async function cutEverywhere(plan: CutPlan): Promise<number> {
  const { from = 0, sample = 1, crowd = 250 } = plan;
  const step = process.env["SOAK"] ? 1 : sample;
  const length = await measure(plan);
  const offsets: number[] = [];
  for (let offset = from + (seed % step); offset < length; offset += step) offsets.push(offset);
  for (let i = 0; i < offsets.length; i += crowd) await cutAt(offsets.slice(i, i + crowd), plan);
  return offsets.length;
}

async function start(kind: ServerKind, onVisit: () => void = () => {}) {
  const feed = Feed.of();
  const server = await ChannelServer.start(kind, feed, { endpoint, onVisit });
  const cursor = await feed.publish();
  for (let i = 0; i < MISSED; i++) await feed.publish();
  return { feed, server, cursor };
}

/** Some of them within one turn of the event loop. */
async function publishLive(feed: Feed): Promise<void> {
  for (let i = 0; i < LIVE; i++) {
    void feed.publish();
    if (i % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** How long the stream is for a client that is not cut off. */
async function measure({ kind, createReader }: CutPlan): Promise<number> {
  const { feed, server, cursor } = await start(kind);
  const line = await Line.to(server.port);
  const reader = createReader(line.port, cursor);
  await reader.until(feed.published);
  await publishLive(feed);
  await reader.until(feed.published);
  const { bytes } = line;
  reader.close();
  line.close();
  server.close();
  return bytes;
}

async function cutAt(offsets: number[], { kind, how, createReader }: CutPlan): Promise<void> {
  const every = Math.ceil(offsets.length / MEANWHILE);
  let visits = 0;
  let tellBack!: () => void;
  const areBack = new Promise<void>((resolve) => (tellBack = resolve));
  const { feed, server, cursor } = await start(kind, () => {
    visits++;
    if (visits > offsets.length && visits % every === 0) void feed.publish();
    if (visits === 2 * offsets.length) tellBack();
  });
  const victims: Victim[] = [];
  for (const offset of offsets) {
    const line = await Line.to(server.port);
    const cut = line.cutNext(offset, how);
    victims.push({ offset, line, cut, reader: createReader(line.port, cursor) });
  }
  const began = feed.published;
  await Promise.all(victims.map(({ cut, reader }) => Promise.race([cut, reader.until(began)])));
  await publishLive(feed);
  await within(areBack, `reconnect of everybody, but ${visits} visits`, PATIENCE_MS);
  await feed.publish();
  const last = feed.published;
  await Promise.all(
    victims.map(({ reader, offset }) => reader.until(last, `client that was cut at ${offset}`)),
  );
  for (const { line, reader } of victims) {
    reader.close();
    line.close();
  }
  server.close();
  const faulty = victims.filter(({ reader: { journal } }) => !journal.isFaultless);
  expect(faulty.map(({ offset, reader }) => ({ offset, ...reader.journal.faults }))).toEqual([]);
  for (const { reader } of victims) {
    expect(reader.journal.places).toHaveLength(last - 1);
    expect(reader.journal.resyncs).toEqual([]);
  }
}
