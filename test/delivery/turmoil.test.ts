import { describe, expect, it } from "vitest";
import { EventChannel, type EventFilter, MemoryEventLog } from "../../src/index.ts";
import { within } from "../support/inbox.ts";
import { turn } from "../support/recording-sink.ts";
import { dataOf, Journal } from "./journal.ts";
import { PacedClient } from "./paced-client.ts";

/** Answers later, but tells at once. */
class LateLog extends MemoryEventLog {
  override after(id: string, limit: number): never {
    return Promise.resolve(super.after(id, limit)) as never;
  }
}

/** A channel with events from 1 to 5, and clients that come back with the id of the second. */
async function start(log: MemoryEventLog) {
  const channel = new EventChannel({ log });
  let published = 0;
  const publish = () => channel.send(dataOf("a", ++published));
  const [, cursor = ""] = await Promise.all(Array.from({ length: 5 }, publish));
  const clients: PacedClient[] = [];
  const join = (filter?: EventFilter) => {
    const client = new PacedClient(new Journal("a", cursor), cursor);
    clients.push(client);
    return channel.add(client.connect(), { filter });
  };
  /** What each client got, after one more event. */
  const finish = async () => {
    await publish();
    await turn();
    return clients.map(({ journal }) => {
      journal.finish(published);
      return { ...journal.faults, resyncs: journal.resyncs.length };
    });
  };
  return { channel, publish, join, finish };
}

const FAULTLESS = { lost: 0, doubled: 0, reordered: 0, foreign: 0, resyncs: 0 };

// What a filter does comes in the middle of a replay.
describe.each([
  ["answers at once", () => new MemoryEventLog()],
  ["answers later", () => new LateLog()],
])("with a log that %s, and a filter that", (_, createLog) => {
  it("adds another client with the same id, both get everything", async () => {
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

  it("publishes, everybody gets everything in order", async () => {
    const { publish, join, finish } = await start(createLog());
    let count = 0;
    const filter = () => {
      if (count++ < 7) void publish();
      return true;
    };
    expect(await Promise.all([join(filter), join(filter), join()])).toEqual([true, true, true]);
    expect(await finish()).toEqual([FAULTLESS, FAULTLESS, FAULTLESS]);
    expect(count).toBeGreaterThan(7);
  });

  it("closes the endpoint, nobody else loses anything", async () => {
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
});
