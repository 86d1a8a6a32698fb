import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import {
  EventChannel,
  type EventEndpoint,
  type EventLog,
  MemoryEventLog,
} from "../../src/index.ts";
import { describeBrowser, launch } from "../support/browser.ts";
import { Inbox, within } from "../support/inbox.ts";
import { Line } from "../support/line.ts";
import { turn } from "../support/recording-sink.ts";
import { BrowserReader } from "./browser-reader.ts";
import { ChannelServer } from "./channel-server.ts";
import { Feed } from "./feed.ts";
import { FAULTLESS, Journal, sumFaults } from "./journal.ts";
import { PacedClient } from "./paced-client.ts";
import {
  createNpmReader,
  type CreateReader,
  createUndiciReader,
  type Reader,
  urlOf,
} from "./readers.ts";

const CLIENTS = 4;
/** What clients wait before they come back, at most. */
const RETRY_MS = 50;

const endpoint = {
  reconnectionTime: RETRY_MS,
  keepAlive: false,
  headers: { "Access-Control-Allow-Origin": "*" },
};

/** A request, as its server saw it. */
interface Visit {
  readonly path: string;
  readonly events: EventEndpoint;
  readonly isRefused: boolean;
  /** The id that came with it. */
  readonly id: string;
}

/** Two channels on one server. */
async function start({ onTestFinished }: TestContext, log: EventLog = new MemoryEventLog()) {
  const feed = new Feed("a", new EventChannel({ log }));
  const other = new Feed("b", new EventChannel());
  const visits: Visit[] = [];
  const inbox = new Inbox<Visit>("request");
  const onVisit = (events: EventEndpoint, path: string) => {
    const visit = { path, events, isRefused: events.closed, id: events.lastEventId };
    visits.push(visit);
    inbox.put(visit);
  };
  const server = await ChannelServer.start("node:http", [feed, other], { endpoint, onVisit });
  const line = await Line.to(server.port);
  onTestFinished(() => {
    line.close();
    server.close();
  });
  const open = (create: CreateReader, cursor: string, path: string) => {
    const reader = create(line.port, cursor, path);
    onTestFinished(() => reader.close());
    return reader;
  };
  return { feed, other, server, line, open, visits, nextVisit: () => inbox.take() };
}

type Story = Awaited<ReturnType<typeof start>>;

/** Clients of the first channel, all with the same last id. */
async function join({ feed, open, nextVisit }: Story, create: CreateReader) {
  const clients: { path: string; reader: Reader; events: EventEndpoint }[] = [];
  const cursor = await feed.publish();
  for (let i = 0; i < CLIENTS; i++) {
    const path = `/a/${i}`;
    const reader = open(create, cursor, path);
    clients.push({ path, reader, events: (await nextVisit()).events });
  }
  await feed.publish();
  await Promise.all(clients.map(({ reader }) => reader.until(feed.published)));
  return clients;
}

/**
 * Not by waiting: a client of another channel that has to wait as long is back, so whoever was
 * still to come would be, too.
 */
async function expectNobodyElse(
  { other, open, visits, nextVisit }: Story,
  create: CreateReader,
): Promise<void> {
  const before = visits.length;
  const reader = open(create, await other.publish(), "/b/later");
  const { events } = await nextVisit();
  await other.publish();
  await reader.until(other.published);
  void events.close({ reconnectionTime: RETRY_MS });
  expect((await nextVisit()).path).toBe("/b/later");
  expect(visits).toHaveLength(before + 2);
}

function tellGoodbyes(create: CreateReader): void {
  it("stays away after close(true), and the others with the same id come back", async (test) => {
    const story = await start(test);
    const { feed, visits, nextVisit } = story;
    const [closed, ...others] = await join(story, create);
    void closed!.events.close(true);
    expect(await nextVisit()).toMatchObject({ path: closed!.path, isRefused: true });
    const { cursor } = others[0]!.reader;
    for (const { path, events } of others) {
      void events.close();
      expect(await nextVisit()).toMatchObject({ path, isRefused: false, id: cursor });
    }
    await feed.publish();
    await Promise.all(others.map(({ reader }) => reader.until(feed.published)));
    await expectNobodyElse(story, create);
    expect(visits.filter(({ path }) => path === closed!.path)).toHaveLength(2);
    expect(sumFaults(others.map(({ reader }) => reader.journal))).toEqual(FAULTLESS);
  });

  it("stays away after the channel closed with noReconnect, as do all others", async (test) => {
    const story = await start(test);
    const clients = await join(story, create);
    await within(
      story.feed.channel.close({ noReconnect: true, spread: [1, RETRY_MS] }),
      "end of the channel",
    );
    const paths: string[] = [];
    while (paths.length < clients.length) {
      const { path, isRefused } = await story.nextVisit();
      expect(isRefused).toBe(true);
      paths.push(path);
    }
    expect(paths.sort()).toEqual(clients.map(({ path }) => path));
    await expectNobodyElse(story, create);
  });

  it("comes back to the next server after the channel closed, and misses nothing", async (test) => {
    const log = new MemoryEventLog();
    const story = await start(test, log);
    const clients = await join(story, create);
    void story.feed.channel.close({ spread: [1, RETRY_MS] });
    await within(story.server.stop(), "end of the server");
    const next = await start(test, log);
    next.feed.published = story.feed.published;
    for (let i = 0; i < 3; i++) await next.feed.publish();
    story.line.leadTo(next.server.port);
    while (next.visits.length < CLIENTS) await next.nextVisit();
    expect(next.visits.every(({ isRefused }) => !isRefused)).toBe(true);
    await next.feed.publish();
    await Promise.all(clients.map(({ reader }) => reader.until(next.feed.published)));
    expect(sumFaults(clients.map(({ reader }) => reader.journal))).toEqual(FAULTLESS);
  });
}

// They wait for their reconnects at the same time.
describe.concurrent("a client in a channel: undici", () => tellGoodbyes(createUndiciReader));
describe.concurrent("a client in a channel: npm eventsource", () => tellGoodbyes(createNpmReader));

describeBrowser("chromium", "a client in a channel: Chromium", () => {
  let browser: Browser | undefined;
  let page: Page | undefined;
  beforeAll(async () => {
    browser = await launch("chromium");
    page = await browser.newPage();
  });
  afterAll(() => browser?.close());
  tellGoodbyes(
    (port, cursor = "", path = "/a") => new BrowserReader(page!, urlOf(port, cursor, path), cursor),
  );
});

describe("closing a channel", () => {
  it("tells each client another time to come back, all over the range", async () => {
    const feed = Feed.of();
    const clients = Array.from({ length: 100 }, () => new PacedClient(new Journal("a")));
    for (const client of clients) void feed.channel.add(client.connect());
    await feed.channel.close({ spread: [1_000, 10_999] });
    const retries = clients.flatMap((client) => client.retries);
    expect(retries).toHaveLength(100);
    expect(Math.min(...retries)).toBeGreaterThanOrEqual(1_000);
    expect(Math.max(...retries)).toBeLessThanOrEqual(10_999);
    // Ten in each second.
    const seconds = retries.map((retry) => Math.floor(retry / 1_000)).sort((a, b) => a - b);
    expect(seconds).toEqual(Array.from({ length: 100 }, (_, i) => 1 + Math.floor(i / 10)));
  });

  it("marks no id that others have, whoever comes later", async () => {
    const marks: string[] = [];
    const closedClients = { has: () => false, add: (id: string) => void marks.push(id) };
    const feed = Feed.of();
    const cursor = await feed.publish();
    await feed.channel.close({ noReconnect: true });
    const client = new PacedClient(new Journal("a", cursor), cursor, true, { closedClients });
    expect(await feed.channel.add(client.connect())).toBe(false);
    await turn();
    expect(client.stream!.closed).toBe(true);
    expect(client.cursor).toMatch(/^evt-closed\./);
    expect(marks).toEqual([]);
  });
});
