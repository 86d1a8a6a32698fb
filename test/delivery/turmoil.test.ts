import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EventChannel, type EventFilter, MemoryEventLog } from "../../src/index.ts";
import { within } from "../support/inbox.ts";
import { turn } from "../support/recording-sink.ts";
import { closeAtEnd, Feed } from "./feed.ts";
import { FAULTLESS, Journal, sequenceOf, sumFaults } from "./journal.ts";
import { PacedClient } from "./paced-client.ts";

/** Answers later, but tells at once. */
class LateLog extends MemoryEventLog {
  override after(id: string, limit: number): never {
    return Promise.resolve(super.after(id, limit)) as never;
  }
}

/** A channel with events from 1 to 5, and clients that come back with the id of the second. */
async function start(log: MemoryEventLog) {
  const feed = new Feed("a", new EventChannel({ log }));
  const [, cursor = ""] = await Promise.all(Array.from({ length: 5 }, () => feed.publish()));
  const clients: PacedClient[] = [];
  const join = (filter?: EventFilter, id = cursor) => {
    const client = new PacedClient(new Journal("a", id), id);
    clients.push(client);
    return feed.channel.add(client.connect(), { filter });
  };
  /** What each client got, after one more event. */
  const finish = async () => {
    await feed.publish();
    await turn();
    for (const { journal } of clients) journal.finish(feed.published);
    return clients.map(({ journal }) => sumFaults([journal]));
  };
  return { feed, join, finish };
}

describe.each([
  ["answers at once", () => new MemoryEventLog()],
  ["answers later", () => new LateLog()],
])("with a log that %s, and a filter that", (_, createLog) => {
  it("adds another client with the same id in its replay, both get everything", async () => {
    const { join, finish } = await start(createLog());
    let other: Promise<boolean> | undefined;
    const first = join(() => {
      other ??= join();
      return true;
    });
    expect(await within(first, "end of add()")).toBe(true);
    expect(await within(other!, "end of the other add()")).toBe(true);
    expect(await finish()).toEqual([FAULTLESS, FAULTLESS]);
  });

  it("publishes in its replay, everybody gets everything in order", async () => {
    const { feed, join, finish } = await start(createLog());
    let count = 0;
    const filter = () => {
      if (count++ < 7) void feed.publish();
      return true;
    };
    expect(await Promise.all([join(filter), join(filter), join()])).toEqual([true, true, true]);
    expect(await finish()).toEqual([FAULTLESS, FAULTLESS, FAULTLESS]);
    expect(count).toBeGreaterThan(7);
  });

  it("closes the endpoint in its replay, nobody else loses anything", async () => {
    const { join, finish } = await start(createLog());
    const joined = join((_entry, events) => {
      void events.close();
      return true;
    });
    const other = join();
    expect(await within(joined, "end of add()")).toBe(false);
    expect(await within(other, "end of the other add()")).toBe(true);
    expect((await finish())[1]).toEqual(FAULTLESS);
  });

  it("publishes for a live event, everybody gets everything in order", async () => {
    const { feed, join, finish } = await start(createLog());
    let count = 0;
    const filter = () => {
      if (feed.published > 5 && count++ < 7) void feed.publish();
      return true;
    };
    expect(await Promise.all([join(), join(filter), join()])).toEqual([true, true, true]);
    await feed.publish();
    expect(await finish()).toEqual([FAULTLESS, FAULTLESS, FAULTLESS]);
    expect(count).toBeGreaterThan(7);
  });

  it("adds others for a live event, they get everything from there on once", async () => {
    const { feed, join, finish } = await start(createLog());
    const others: Promise<boolean>[] = [];
    const first = join(() => {
      if (feed.published > 5 && others.length === 0) others.push(join(), join(undefined, ""));
      return true;
    });
    expect(await first).toBe(true);
    await feed.publish();
    expect(await Promise.all(others)).toEqual([true, true]);
    expect(await finish()).toEqual([FAULTLESS, FAULTLESS, FAULTLESS]);
  });
});

describe.each([
  ["answers at once", () => new MemoryEventLog()],
  ["answers later", () => new LateLog()],
])("with a log that %s, a client that is behind by", (_, createLog) => {
  // Nobody has to wait for the clock.
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
  afterEach(() => void vi.useRealTimers());

  // A log is asked for 100 entries at a time.
  it.each([99, 100, 101, 199, 200, 201, 450])(
    "%i events gets all that are for it, and what comes meanwhile",
    async (behind) => {
      const feed = new Feed("a", new EventChannel({ log: createLog() }));
      const cursor = await feed.publish();
      for (let i = 0; i < behind; i++) await feed.publish();
      // All of them; some, and pages without any; those that come only.
      const clients = [1, 150, 1_000].map((step) => {
        const isForMe = (place: number) => place % step === 0 || place > behind + 3;
        const client = new PacedClient(new Journal("a", cursor, isForMe), cursor);
        const filter: EventFilter = ({ id }) => isForMe(sequenceOf(id));
        void feed.channel.add(client.connect(), { filter });
        return client;
      });
      for (let i = 0; i < 10; i++) await feed.publish();
      await turn();
      for (const client of clients) {
        client.journal.finish(feed.published);
        expect(sumFaults([client.journal])).toEqual(FAULTLESS);
      }
    },
  );
});

it("clients that get one event together and then others get their own, in one turn", async () => {
  const channel = closeAtEnd(new EventChannel());
  const texts = ["", ""];
  const clients = texts.map((_, i) => {
    const journal = new Journal("a");
    journal.take = ({ type, data }) => {
      if (type === "message") texts[i] = `${texts[i]}${data}`;
    };
    const client = new PacedClient(journal);
    void channel.add(client.connect(), { topics: [`${i}`] });
    return client;
  });
  expect(clients).toHaveLength(2);
  void channel.send("both ");
  void channel.send("first", { topic: "0" });
  void channel.send("second", { topic: "1" });
  await turn();
  expect(texts).toEqual(["both first", "both second"]);
});
