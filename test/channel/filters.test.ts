import { describe, expect, it } from "vitest";
import type { EventFilter, LogEntry } from "../../src/index.ts";
import { within } from "../support/inbox.ts";
import { turn } from "../support/recording-sink.ts";
import { Stage } from "./recorded-channel.ts";
import { SlowLog } from "./slow-log.ts";

const stage = new Stage();

const KINDS = [
  ["with a log", {}],
  ["without a log", { log: false }],
] as const;

describe.each(KINDS)("the filter of a member of a channel %s", (_, options) => {
  it("is asked for each event that the topics let pass, with the entry and the endpoint", async () => {
    const channel = stage.channel(options);
    const asked: [LogEntry, unknown][] = [];
    const filter: EventFilter = (entry, events) => asked.push([entry, events]) !== 2;
    const client = stage.join(channel, { topics: ["a"], filter });
    const other = stage.join(channel);
    const id = await channel.send({ n: 1 }, { topic: "a", event: "tick", retry: 5 });
    await channel.send("2");
    await channel.send("3", { topic: "b" });
    await channel.send("4", { topic: "a" });
    await turn();
    expect(asked.map(([{ data }]) => data)).toEqual(['{"n":1}', "2", "4"]);
    expect(asked[0]![0]).toEqual({
      ...{ id, data: '{"n":1}', topic: "a", event: "tick", retry: 5, transient: false },
    });
    for (const [, events] of asked) expect(events).toBe(client.stream);
    expect(client.data).toEqual(['{"n":1}', "4"]);
    expect(other.data).toEqual(['{"n":1}', "2", "3", "4"]);
  });

  it("cannot change the entry for the others", async () => {
    const channel = stage.channel(options);
    const forge: EventFilter = (entry) => {
      entry.data = "forged";
      return true;
    };
    const [forger, other] = [stage.join(channel, { filter: forge }), stage.join(channel)];
    await channel.send("true");
    await turn();
    expect(other.data).toEqual(["true"]);
    expect(forger.data).toEqual([]);
    expect(stage.errors).toEqual([expect.stringMatching(/^filter: .*read only/)]);
  });

  it("lets nothing pass when it throws, which onError is told each time", async () => {
    const channel = stage.channel(options);
    const filter = ({ data }: LogEntry) => {
      if (data === "2") throw new Error("no opinion");
      return true;
    };
    const [client, other] = [stage.join(channel, { filter }), stage.join(channel)];
    for (const data of ["1", "2", "3"]) await channel.send(data);
    await turn();
    expect(client.data).toEqual(["1", "3"]);
    expect(other.data).toEqual(["1", "2", "3"]);
    expect(stage.errors).toEqual(["filter: no opinion"]);
  });

  it("lets nothing pass when it answers a promise, whatever becomes of that", async () => {
    const channel = stage.channel(options);
    const filters = [async () => true, () => Promise.reject(new Error("late"))];
    const clients = filters.map((filter) => stage.join(channel, { filter: filter as never }));
    await channel.send("secret");
    await turn();
    for (const client of clients) expect(client.data).toEqual([]);
    expect(stage.errors).toEqual(
      Array(2).fill('filter: Invalid "filter": must answer at once, got a promise'),
    );
  });

  it("is changed, and taken away, by adding the member again", async () => {
    const channel = stage.channel(options);
    const client = stage.join(channel, { filter: () => false });
    await channel.send("1");
    await channel.add(client.stream, { filter: ({ data }) => data !== "3" });
    await channel.send("2");
    await channel.send("3");
    await channel.add(client.stream, {});
    await channel.send("4");
    await turn();
    expect(client.data).toEqual(["2", "4"]);
  });

  it("may send: everybody gets that after the event that it was asked about", async () => {
    const channel = stage.channel(options);
    const filter = ({ data }: LogEntry) => {
      if (data === "question") void channel.send("answer");
      return true;
    };
    const [before, asked, behind] = [{}, { filter }, {}].map((each) => stage.join(channel, each));
    await channel.send("question");
    await channel.send("next");
    await turn();
    for (const client of [before!, asked!, behind!]) {
      expect(client.data).toEqual(["question", "answer", "next"]);
    }
  });

  it.each([
    ["without a filter", {}],
    ["with a filter", { filter: () => true }],
  ])("may add members %s, who get what comes after the event", async (_, membership) => {
    const channel = stage.channel(options);
    const added = stage.client();
    const filter = () => {
      void channel.add(added.stream, membership);
      return true;
    };
    const asked = stage.join(channel, { filter });
    await channel.send("1");
    await channel.send("2");
    await turn();
    expect(asked.data).toEqual(["1", "2"]);
    expect(added.data).toEqual(["2"]);
  });

  it("may change what members follow, itself included: nobody gets an event twice", async () => {
    const channel = stage.channel(options);
    const other = stage.join(channel, { topics: ["a"] });
    const filter = () => {
      void channel.add(asked.stream, { topics: ["a"], filter });
      void channel.add(other.stream);
      void channel.add(behind.stream);
      return true;
    };
    const asked = stage.join(channel, { topics: ["a"], filter });
    const behind = stage.join(channel, { topics: ["a"] });
    for (const data of ["1", "2", "3"]) await channel.send(data, { topic: "a" });
    await turn();
    expect(asked.data).toEqual(["1", "2", "3"]);
    expect(other.data).toEqual(["1", "2", "3"]);
    expect(behind.data).toEqual(["1", "2", "3"]);
  });

  it.each(["deletes", "closes"])(
    "may end memberships: a member that it %s gets nothing that its own filter was not asked for",
    async (way) => {
      const channel = stage.channel(options);
      const filter = () => {
        for (const { stream } of [asked, behind]) {
          if (way === "deletes") channel.delete(stream);
          else void stream.close();
        }
        return true;
      };
      const before = stage.join(channel);
      const asked = stage.join(channel, { filter });
      const behind = stage.join(channel, { filter: () => true });
      await turn();
      const [, ...texts] = [before, asked, behind].map((client) => client.text);
      await channel.send("1");
      await channel.send("2");
      await turn();
      expect(before.data).toEqual(["1", "2"]);
      expect([asked, behind].map((client) => client.text)).toEqual(texts);
      expect([...channel]).toEqual([before.stream]);
    },
  );

  it("may close the channel: only those without one have the event already", async () => {
    const channel = stage.channel(options);
    const filter = () => {
      void channel.close();
      return true;
    };
    const [before, asked, behind] = [{}, { filter }, { filter: () => true }].map((each) =>
      stage.join(channel, each),
    );
    await channel.send("1");
    await expect(channel.send("2")).rejects.toMatchObject({ code: "channel-closed" });
    await turn();
    expect(before!.data).toEqual(["1"]);
    expect(asked!.data).toEqual([]);
    expect(behind!.data).toEqual([]);
    expect(channel.size).toBe(0);
  });
});

describe("the filter of a member that catches up", () => {
  /** A channel that has these entries, after the one with the id that is returned. */
  async function past(options = {}, ...data: string[]) {
    const channel = stage.channel(options);
    const id = await channel.send("0");
    for (const each of data) await channel.send(each);
    return { channel, id };
  }

  it("is asked for what it missed as for what comes", async () => {
    const { channel, id } = await past({}, "1", "2", "3");
    const asked: string[] = [];
    const filter = ({ data }: LogEntry) => asked.push(data) % 2 === 0;
    const client = stage.join(channel, { filter }, id);
    await channel.send("4");
    await turn();
    expect(asked).toEqual(["1", "2", "3", "4"]);
    expect(client.data).toEqual(["2", "4"]);
  });

  it("hides what it fails on", async () => {
    const { channel, id } = await past({}, "1", "2", "3");
    const filter = ({ data }: LogEntry) => {
      if (data === "1") throw new Error("no opinion");
      return data === "2" ? (Promise.resolve(true) as never) : true;
    };
    const client = stage.join(channel, { filter }, id);
    await turn();
    expect(client.data).toEqual(["3"]);
    expect(stage.errors).toEqual([
      "filter: no opinion",
      'filter: Invalid "filter": must answer at once, got a promise',
    ]);
  });

  it("may send: that comes after all that the member missed", async () => {
    const { channel, id } = await past({}, "1", "2", "3");
    const live = stage.join(channel);
    const filter = ({ data }: LogEntry) => {
      if (data.length === 1) void channel.send(`${data}, too`);
      return true;
    };
    const client = stage.join(channel, { filter }, id);
    await turn();
    expect(client.data).toEqual(["1", "2", "3", "1, too", "2, too", "3, too"]);
    expect(live.data).toEqual(["1, too", "2, too", "3, too"]);
  });

  it("may add clients that missed the same: they get it as well", async () => {
    for (const log of [undefined, new SlowLog()]) {
      const { channel, id } = await past({ log }, "1", "2");
      const added = stage.client(id);
      let joined: Promise<boolean> | undefined;
      const filter = () => {
        joined ??= channel.add(added.stream);
        return true;
      };
      const client = stage.join(channel, { filter }, id);
      await log?.answerAll();
      expect(await within(joined!, "answer of add()")).toBe(true);
      await channel.send("3");
      await turn();
      expect(client.data).toEqual(["1", "2", "3"]);
      expect(added.data).toEqual(["1", "2", "3"]);
    }
  });

  it("may send at the seam, too: what came meanwhile goes before that", async () => {
    const log = new SlowLog();
    const { channel, id } = await past({ log }, "1");
    const filter = ({ data }: LogEntry) => {
      if (data.length === 1) void channel.send(`${data}, too`);
      return true;
    };
    const client = stage.join(channel, { filter }, id);
    for (const data of ["2", "3", "4"]) await channel.send(data);
    await log.answerAll();
    expect(client.data).toEqual(["1", "2", "3", "4", "1, too", "2, too", "3, too", "4, too"]);
    expect(client.ids).toEqual(client.ids.toSorted((a, b) => sequence(a) - sequence(b)));
  });

  it.each([
    ["deletes the member", "delete"],
    ["closes its endpoint", "close"],
    ["closes the channel", "end"],
  ] as const)("is not asked again once it %s", async (_, way) => {
    for (const log of [undefined, new SlowLog()]) {
      const { channel, id } = await past({ log }, "1", "2", "3");
      const asked: string[] = [];
      const filter = ({ data }: LogEntry) => {
        if (asked.push(data) < 2) return true;
        if (way === "delete") channel.delete(client.stream);
        else void (way === "close" ? client.stream : channel).close();
        return true;
      };
      const client = stage.client(id);
      const joined = channel.add(client.stream, { filter });
      if (log) await channel.send("4");
      await log?.answerAll();
      expect(await joined).toBe(false);
      await turn();
      expect(asked).toEqual(["1", "2"]);
      expect(client.data).toEqual(["1"]);
    }
  });

  it("is not asked at the seam, once it deleted the member there", async () => {
    const log = new SlowLog();
    const { channel, id } = await past({ log }, "1");
    const asked: string[] = [];
    const filter = ({ data }: LogEntry) => {
      if (asked.push(data) === 2) channel.delete(client.stream);
      return true;
    };
    const client = stage.join(channel, { filter }, id);
    for (const data of ["2", "3"]) await channel.send(data);
    await log.answerAll();
    expect(asked).toEqual(["1", "2"]);
    expect(client.data).toEqual(["1"]);
  });
});

function sequence(id: string): number {
  return Number(id.split("-")[1]);
}
