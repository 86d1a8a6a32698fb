import { describe, expect, it } from "vitest";
import {
  EventChannel,
  type EventEndpoint,
  type EventLog,
  MemoryEventLog,
} from "../../src/index.ts";
import { ChannelServer } from "./channel-server.ts";
import { Feed } from "./feed.ts";
import { createRandom, JitteryLog } from "./jittery-log.ts";
import { FAULTLESS, sumFaults } from "./journal.ts";
import { NaiveChannel } from "./naive-channel.ts";
import { createHttp1Reader, createHttp2Reader, PATIENCE_MS } from "./readers.ts";
import type { Channel } from "./splice-world.ts";

const CLIENTS = process.env["SOAK"] ? 2_000 : 200;
/** How often each client loses its connection. */
const KICKS = process.env["SOAK"] ? 20 : 2;

const random = createRandom();
const turn = () => new Promise((resolve) => setImmediate(resolve));

/**
 * Two channels on three servers, and clients of all. Again and again they lose their connections,
 * by their own doing or the server's, while events come. Answers with what was wrong in all.
 */
async function storm(
  createFeed: (name: string) => Feed<Channel>,
  count = CLIENTS,
  patience = PATIENCE_MS,
) {
  const feeds = [createFeed("a"), createFeed("b")];
  const open = new Set<EventEndpoint>();
  const options = {
    endpoint: { keepAlive: false },
    onVisit: (events: EventEndpoint) => {
      open.add(events);
      events.addEventListener("close", () => open.delete(events));
    },
  };
  const kinds = ["node:http", "fetch", "h2c"] as const;
  const servers = await Promise.all(kinds.map((kind) => ChannelServer.start(kind, feeds, options)));
  // So that everybody has an id of the channel from the beginning.
  const cursors = await Promise.all(feeds.map((feed) => feed.publish()));
  const clients = Array.from({ length: count }, (_, i) => {
    const feed = feeds[i % 2]!;
    const create = i % 3 === 2 ? createHttp2Reader : createHttp1Reader;
    return { feed, reader: create(servers[i % 3]!.port, cursors[i % 2], `/${feed.name}`) };
  });
  for (let kicks = 0; kicks < KICKS * count; kicks++) {
    if (random() < 0.5) clients[Math.floor(random() * count)]!.reader.drop();
    else void [...open][Math.floor(random() * open.size)]?.close();
    if (random() < 0.3) void feeds[0]!.publish();
    if (random() < 0.3) void feeds[1]!.publish();
    if (random() < 0.5) await turn();
  }
  await Promise.all(feeds.map((feed) => feed.publish()));
  const waits = clients.map(({ feed, reader }) => reader.until(feed.published, "client", patience));
  // Whoever hangs has lost what it waits for.
  await Promise.allSettled(waits);
  for (const { feed, reader } of clients) {
    reader.close();
    reader.journal.finish(feed.published);
  }
  for (const server of servers) server.close();
  return sumFaults(clients.map(({ reader }) => reader.journal));
}

const LOGS: [name: string, createLog: () => EventLog][] = [
  ["in this process", () => new MemoryEventLog({ maxEntries: Infinity })],
  ["somewhere else", () => new JitteryLog({ maxEntries: Infinity })],
];

describe("clients that lose their connections while events come", () => {
  it.each(LOGS)(
    "miss nothing, and get nothing twice, with a log %s",
    async (_, createLog) => {
      const createFeed = (name: string) => new Feed(name, new EventChannel({ log: createLog() }));
      expect(await storm(createFeed)).toEqual(FAULTLESS);
    },
    600_000,
  );

  it("miss some, with a naive channel", async () => {
    const createFeed = (name: string) => new Feed(name, new NaiveChannel(new JitteryLog()));
    expect((await storm(createFeed, 60, 1_000)).lost).toBeGreaterThan(0);
  });
});
