import fc from "fast-check";
import http from "node:http";
import { createParser } from "eventsource-parser";
import { describe, expect, it, onTestFinished } from "vitest";
import { EventChannel, MemoryEventLog } from "../../src/index.ts";
import { within } from "../support/inbox.ts";
import { turn } from "../support/recording-sink.ts";
import { hostileText, seed } from "../support/seed.ts";
import { ChannelServer } from "./channel-server.ts";
import { Feed } from "./feed.ts";
import { createRandom } from "./jittery-log.ts";
import { FAULTLESS, Journal, type Received, sequenceOf, sumFaults } from "./journal.ts";
import { PacedClient } from "./paced-client.ts";

const HISTORY = 30;

/** A channel with some history. */
async function createFeed(name = "a"): Promise<{ feed: Feed; epoch: string; last: string }> {
  const feed = new Feed(name, new EventChannel({ log: new MemoryEventLog() }));
  let last = "";
  while (feed.published < HISTORY) last = await feed.publish();
  return { feed, epoch: last.slice(0, last.lastIndexOf("-")), last };
}

/** What a client with this id gets, and one more event. */
async function visit(feed: Feed, id: string): Promise<Received[]> {
  const journal = new Journal(feed.name, id);
  const received: Received[] = [];
  journal.take = (event) => void received.push(event);
  const client = new PacedClient(journal, id);
  expect(await feed.channel.add(client.connect())).toBe(true);
  await feed.publish();
  await turn();
  client.leave();
  return received;
}

/** One `resync` that says the id, with the id where the channel was, and then what came. */
function expectResync(received: readonly Received[], id: string, feed: Feed): void {
  const { published: now } = feed;
  expect(received.map(({ type }) => type)).toEqual(["resync", "message"]);
  expect(JSON.parse(received[0]!.data)).toEqual({ lastEventId: id });
  expect(received.map(({ lastEventId }) => sequenceOf(lastEventId))).toEqual([now - 1, now]);
}

const { epoch: foreign } = await createFeed("b");

const FORGED: [what: string, forge: (epoch: string) => string][] = [
  ["of another channel", () => `${foreign}-5`],
  ["of an epoch that differs in case", (epoch) => `${epoch.toUpperCase()}-5`],
  ["of an epoch that lacks a character", (epoch) => `${epoch.slice(1)}-5`],
  ["of the next event", (epoch) => `${epoch}-${HISTORY + 1}`],
  ["of the far future", (epoch) => `${epoch}-999999`],
  ["beyond what numbers can count", (epoch) => `${epoch}-9007199254740993`],
  ["of infinity", (epoch) => `${epoch}-Infinity`],
  ["with a leading zero", (epoch) => `${epoch}-01`],
  ["with an exponent", (epoch) => `${epoch}-1e1`],
  ["in hexadecimal", (epoch) => `${epoch}-0x5`],
  ["in full-width digits", (epoch) => `${epoch}-５`],
  ["with a sign", (epoch) => `${epoch}-+5`],
  ["below zero", (epoch) => `${epoch}--1`],
  ["with a fraction", (epoch) => `${epoch}-5.0`],
  ["with white space inside", (epoch) => `${epoch}- 5`],
  ["with another number behind", (epoch) => `${epoch}-5-5`],
  ["without a number", (epoch) => `${epoch}-`],
  ["of the epoch alone", (epoch) => epoch],
  ["of the number alone", () => "-5"],
  ["of 1 KiB", (epoch) => `${epoch}-${"5".repeat(1_023 - epoch.length)}`],
  ["with a quotation mark", () => `"},"id":"5`],
  ...["0", "1", "0-0", "5-0", "$", "+", "-", "*", "earliest", "latest", "null", "__proto__-5"].map(
    (id): [string, () => string] => [id, () => id],
  ),
];

describe("a client that brings an id", () => {
  it.each(FORGED)("%s: gets one resync, no history, and what comes", async (_, forge) => {
    const { feed, epoch } = await createFeed();
    const id = forge(epoch);
    expectResync(await visit(feed, id), id, feed);
  });

  it("of the time before a restart gets one resync", async () => {
    const { last } = await createFeed();
    const { feed } = await createFeed();
    expectResync(await visit(feed, last), last, feed);
  });

  it.each([
    ["over 1 KiB", "x".repeat(1_025)],
    ["with a control character", "x\u0001"],
    ["that is a closing id and has expired", "evt-closed.1.1.1.1.1"],
  ])("%s, which is none, gets one ready", async (_, id) => {
    const { feed } = await createFeed();
    const received = await visit(feed, id);
    expect(received.map(({ type }) => type)).toEqual(["ready", "message"]);
    expect(sequenceOf(received[0]!.lastEventId)).toBe(HISTORY);
  });

  it("of any kind gets history only if the channel gave that id", async () => {
    const { feed, epoch } = await createFeed();
    const given = new Set(Array.from({ length: HISTORY + 1 }, (_, i) => `${epoch}-${i}`));
    const ids = fc.oneof(
      fc.string({ minLength: 1 }),
      hostileText,
      fc.stringMatching(/^[-+0-9a-z. ]{1,12}$/).map((text) => `${epoch}-${text}`),
      fc.nat(HISTORY * 2).map((place) => `${epoch}-${place}`),
      fc.nat(HISTORY).map((place) => `${foreign}-${place}`),
    );
    await fc.assert(
      fc.asyncProperty(ids, async (id) => {
        const received = await visit(feed, id);
        const events = received.filter(({ type }) => type === "message").length;
        if (given.has(id)) expect(events).toBe(feed.published - sequenceOf(id));
        else expect(events).toBe(1);
        given.add(`${epoch}-${feed.published}`);
      }),
      // Each of them adds an event.
      { numRuns: 300 },
    );
  });
});

it("ids of others, for every pair of channels, bring nothing of theirs", async () => {
  const count = process.env["SOAK"] ? 200 : 20;
  const feeds = await Promise.all(Array.from({ length: count }, (_, i) => createFeed(`c${i}`)));
  const random = createRandom(seed);
  const journals: Journal[] = [];
  for (const mine of feeds) {
    for (const { epoch } of feeds.filter((each) => each !== mine)) {
      const id = `${epoch}-${Math.floor(random() * HISTORY)}`;
      const client = new PacedClient(new Journal(mine.feed.name, id), id);
      await mine.feed.channel.add(client.connect());
      await mine.feed.publish();
      await turn();
      client.leave();
      client.journal.finish(mine.feed.published);
      journals.push(client.journal);
    }
  }
  const resyncs = count * (count - 1);
  expect(sumFaults(journals)).toEqual({ ...FAULTLESS, resyncs });
});

it.each([
  ["as UTF-8", Buffer.from("日本-5").toString("latin1"), "日本-5"],
  ["as latin1", "\xe9-5", "é-5"],
  ["twice", ["1", "2"], "1, 2"],
])("an id that comes over HTTP %s is announced as it was read", async (_, header, id) => {
  const { feed } = await createFeed();
  const server = await ChannelServer.start("node:http", feed);
  onTestFinished(() => server.close());
  const received = new Promise<string>((resolve) => {
    const headers = { "last-event-id": header };
    http.get({ host: "127.0.0.1", port: server.port, headers, agent: false }, (response) => {
      const parser = createParser({ onEvent: ({ event, data }) => resolve(`${event} ${data}`) });
      response.setEncoding("utf8").on("data", (text: string) => parser.feed(text));
      response.on("error", () => {});
    });
  });
  expect(await within(received, "event")).toBe(`resync ${JSON.stringify({ lastEventId: id })}`);
});
