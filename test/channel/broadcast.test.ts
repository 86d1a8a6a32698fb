import { describe, expect, it, vi } from "vitest";
import type { EventChannel } from "../../src/index.ts";
import { turn } from "../support/recording-sink.ts";
import { type Client, Stage } from "./recorded-channel.ts";
import { SlowLog } from "./slow-log.ts";

const stage = new Stage();

/** With a log, and without. */
const KINDS = [
  ["with a log", {}],
  ["without a log", { log: false }],
] as const;

describe.each(KINDS)("an event that is sent to a channel %s", (_, options) => {
  it("is serialised once, however many members there are", async () => {
    const serialize = vi.fn((data: unknown) => JSON.stringify(data));
    const channel = stage.channel({ ...options, serialize });
    const clients = Array.from({ length: 20 }, () => stage.join(channel));
    await channel.send({ price: 7 });
    await channel.sendEvent("tick", { price: 8 });
    channel.dispatchEvent(new MessageEvent("message", { data: { price: 9 } }));
    await turn();
    expect(serialize.mock.calls).toEqual([[{ price: 7 }], [{ price: 8 }], [{ price: 9 }]]);
    for (const client of clients) {
      expect(client.data).toEqual(['{"price":7}', '{"price":8}', '{"price":9}']);
    }
  });

  it("is serialised once also when nobody is there", async () => {
    const serialize = vi.fn(() => "x");
    await stage.channel({ ...options, serialize }).send(1);
    expect(serialize).toHaveBeenCalledTimes(1);
  });

  it("is one and the same text for all members, also together with what follows", async () => {
    const channel = stage.channel(options);
    const clients = [stage.join(channel), stage.join(channel), stage.join(channel)];
    await turn();
    void channel.send("a");
    void channel.send("b");
    void channel.send("c");
    await turn();
    const [first, ...others] = clients.map(({ sink }) => sink.texts.at(-1));
    expect(first?.toString()).toMatch(/data: a\n\n.*data: b\n\n.*data: c\n\n/s);
    expect(typeof first).not.toBe("string");
    for (const text of others) expect(text).toBe(first);
  });

  it("leaves with all others of its turn in one write, in the order in which they were sent", async () => {
    const channel = stage.channel(options);
    const { sink, stream } = stage.join(channel);
    await turn();
    const before = sink.writes.length;
    void channel.send("1");
    void stream.send("2", { event: "own" });
    void channel.sendEvent("tick", "3");
    stream.dispatchComment("4");
    void stream.send("5");
    channel.dispatchEvent(new CustomEvent("message", { detail: { data: "6" } }));
    await turn();
    expect(sink.writes.length).toBe(before + 1);
    const lines = sink.writes
      .at(-1)!
      .split("\n")
      .filter((line) => /^(data)?: /.test(line));
    expect(lines).toEqual(["data: 1", "data: 2", "data: 3", ": 4", "data: 5", "data: 6"]);
  });

  it("counts at once for who asks, as everything of its turn", async () => {
    const channel = stage.channel(options);
    const { stream } = stage.join(channel);
    await turn();
    const [before] = [stream.bufferedAmount];
    const ids = ["a", "b"].map((id) => channel.send("x", "log" in options ? { id } : {}));
    expect(stream.bufferedAmount).toBeGreaterThan(before + 2 * "data: x\n\n".length);
    const [, last] = await Promise.all(ids);
    expect(stream.lastEventId).toBe(last);
    expect(last).not.toBe("");
  });

  it("comes in order with hundreds of others in the same turn", async () => {
    const channel = stage.channel(options);
    const client = stage.join(channel);
    const sent = Array.from({ length: 300 }, (_, i) => `${i}${"x".repeat(i)}`);
    for (const data of sent) void channel.send(data);
    await turn();
    expect(client.data).toEqual(sent);
    expect(client.closes).toEqual([]);
  });

  it("comes in order with those of another channel", async () => {
    const [one, other] = [stage.channel(options), stage.channel({ log: false })];
    const client = stage.join(one);
    void other.add(client.stream);
    void one.send("1");
    void other.send("2");
    void one.send("3");
    await turn();
    expect(client.data).toEqual(["1", "2", "3"]);
  });

  it("is for whoever is a member at that moment", async () => {
    const channel = stage.channel(options);
    const early = stage.join(channel);
    void channel.send("1");
    const late = stage.join(channel);
    void channel.send("2");
    channel.delete(early.stream);
    void channel.send("3");
    await turn();
    expect(early.data).toEqual(["1", "2"]);
    expect(late.data).toEqual(["2", "3"]);
  });

  it("is for whoever follows everything, or its topic, at that moment", async () => {
    const channel = stage.channel(options);
    const client = stage.join(channel, { topics: ["t"] });
    void channel.send("1", { topic: "u" });
    void channel.add(client.stream);
    void channel.send("2", { topic: "u" });
    void channel.add(client.stream, { topics: ["t"] });
    void channel.send("3", { topic: "u" });
    void channel.send("4", { topic: "t" });
    await turn();
    expect(client.data).toEqual(["2", "4"]);
  });

  it("has data that is split into lines, like any other", async () => {
    const channel = stage.channel(options);
    const { sink } = stage.join(channel);
    await channel.send("a\n\nevent: admin\rb\r\nc");
    await turn();
    expect(sink.writes.at(-1)).toMatch(
      /(^|\n)data: a\ndata: \ndata: event: admin\ndata: b\ndata: c\n\n$/,
    );
  });
});

describe.each(KINDS)("the members of a channel %s", (_, options) => {
  it("do not wait for one that is slow, which is closed by its own limit", async () => {
    const channel = stage.channel(options);
    const own = { maxBufferedAmount: 1_000, highWaterMark: 100 };
    const [slow, fast] = [stage.join(channel, {}, "", own), stage.join(channel, {}, "", own)];
    slow.sink.flows = false;
    const sent = Array.from({ length: 20 }, (_, i) => `${i}${"x".repeat(100)}`);
    for (const data of sent) {
      await channel.send(data);
      await turn();
    }
    expect(slow.closes).toMatchObject([{ code: "slow-client", wasClean: false }]);
    expect(channel.has(slow.stream)).toBe(false);
    expect(fast.data).toEqual(sent);
    expect(channel.size).toBe(1);
  });

  it("are held no more than the limit and one event, whatever comes in one turn", async () => {
    const channel = stage.channel(options);
    const own = { maxBufferedAmount: 1_000, highWaterMark: 100 };
    const [slow, fast] = [stage.join(channel, {}, "", own), stage.join(channel, {}, "", own)];
    await turn();
    slow.sink.flows = false;
    const sent = Array.from({ length: 20 }, (_, i) => `${i}${"x".repeat(100)}`);
    for (const data of sent) void channel.send(data);
    await turn();
    expect(slow.closes).toMatchObject([{ code: "slow-client" }]);
    expect(slow.sink.bufferedAmount).toBeLessThan(1_000 + 200);
    expect(fast.data).toEqual(sent);
  });

  it("do not miss what is sent while one of them closes, leaves or throws", async () => {
    const channel = stage.channel(options);
    const [first, second, third, last] = [
      stage.join(channel),
      stage.join(channel),
      stage.join(channel, {
        filter: () => {
          throw new Error("from the filter");
        },
      }),
      stage.join(channel),
    ];
    void channel.send("1");
    void first.stream.close();
    void channel.send("2");
    second.leave();
    void channel.send("3");
    await turn();
    expect(last.data).toEqual(["1", "2", "3"]);
    expect(first.data).toEqual(["1"]);
    expect(third.data).toEqual([]);
    expect(channel.size).toBe(2);
  });

  it("hear what a close listener sends after what made it close", async () => {
    const channel = stage.channel(options);
    const own = { maxBufferedAmount: 100, highWaterMark: 10 };
    const [slow, other] = [stage.join(channel, {}, "", own), stage.join(channel)];
    slow.stream.addEventListener("close", () => void channel.send("gone"));
    slow.sink.flows = false;
    for (const data of ["1", "2", "3"]) await channel.send(data + "x".repeat(100));
    await turn();
    expect(slow.stream.closed).toBe(true);
    const heard = other.data.map((data) => data.replace(/x+/, ""));
    expect(heard).toEqual(["1", "2", "3", "gone"]);
  });
});

describe.each(KINDS)(
  "a close listener, while what a turn sent to a channel %s is brought,",
  (_, options) => {
    const own = { maxBufferedAmount: 1_000, highWaterMark: 100 };
    const short = (client: { data: string[] }) => client.data.map((data) => data.replace(/x+/, ""));

    /** A channel with members that take nothing, then one that does, and twelve events in one turn. */
    async function start(onClose: (slow: number) => void) {
      const channel = stage.channel(options);
      const slow = [0, 1, 2].map(() => stage.join(channel, {}, "", own));
      const other = stage.join(channel);
      await turn();
      for (const [i, { sink, stream }] of slow.entries()) {
        sink.flows = false;
        stream.addEventListener("close", () => onClose(i));
      }
      const sent = Array.from({ length: 12 }, (_, i) => `${i}${"x".repeat(150)}`);
      for (const data of sent) void channel.send(data);
      return { channel, slow, other, sent: sent.map((_, i) => `${i}`) };
    }

    it("sends what comes to everybody after that, also if others close then", async () => {
      const { channel, other, sent } = await start((i) => void channel.send(`gone ${i}`));
      await turn();
      expect(short(other)).toEqual([...sent, "gone 0", "gone 1", "gone 2"]);
      expect(other.stream.lastEventId).toBe(other.ids.at(-1) ?? "");
    });

    it("sends much, which comes to everybody after that", async () => {
      const { channel, other, sent } = await start((i) => {
        void channel.send(`gone ${i} ${"x".repeat(20_000)}`);
      });
      await turn();
      expect(short(other)).toEqual([...sent, "gone 0 ", "gone 1 ", "gone 2 "]);
    });

    it("adds who gets what comes after that", async () => {
      const late: Client[] = [];
      const { channel, sent, other } = await start((i) => {
        void channel.send(`gone ${i}`);
        late.push(stage.join(channel));
      });
      await turn();
      expect(short(other)).toEqual([...sent, "gone 0", "gone 1", "gone 2"]);
      expect(late.map(short)).toEqual([["gone 1", "gone 2"], ["gone 2"], []]);
    });

    it.each<[string, (channel: EventChannel, other: Client) => unknown, string[]]>([
      ["takes from the channel", (channel, { stream }) => channel.delete(stream), []],
      ["closes", (_, { stream }) => stream.close(), []],
      ["closes for good", (_, { stream }) => stream.close(true), [""]],
      ["sends something to", (_, { stream }) => stream.send("own"), ["own"]],
      ["gives topics to", (channel, { stream }) => channel.add(stream, { topics: ["t"] }), []],
      [
        "gives a filter to",
        (channel, { stream }) => channel.add(stream, { filter: () => false }),
        [],
      ],
    ])("%s others, who have got it by then", async (_, act, more) => {
      const { channel, other, sent } = await start((i) => i === 0 && act(channel, other));
      await turn();
      expect(short(other)).toEqual([...sent, ...more]);
    });

    it("lets another one follow everything, who gets nothing of that twice", async () => {
      const second = stage.client();
      const { channel } = await start((i) => {
        if (i === 0) void channel.add(second.stream);
        void channel.send("gone");
      });
      void channel.add(second.stream, { topics: ["t"] });
      void channel.send("last");
      await turn();
      expect(second.data).toEqual(["last", "gone", "gone", "gone"]);
    });
  },
);

it("who catches up misses nothing that a close listener sends before it is live", async () => {
  const log = new SlowLog();
  const channel = stage.channel({ log });
  const slow = stage.join(channel, {}, "", { maxBufferedAmount: 100, highWaterMark: 10 });
  slow.stream.addEventListener("close", () => void channel.send("gone"));
  const cursor = await channel.send("1" + "x".repeat(100), { topic: "hidden" });
  await turn();
  slow.sink.flows = false;
  await channel.send("2" + "x".repeat(100), { topic: "hidden" });
  await turn();
  const late = stage.join(channel, { topics: ["t"] }, cursor);
  await turn();
  // The answer comes in the turn in which the slow one turns out to be slow.
  void channel.send("3" + "x".repeat(100), { topic: "hidden" });
  expect(slow.stream.closed).toBe(false);
  await log.answer();
  await log.answerAll();
  void channel.send("4");
  await turn();
  expect(slow.closes).toMatchObject([{ code: "slow-client" }]);
  expect(late.data).toEqual(["gone", "4"]);
});

it("who joins while another channel is brought first gets nothing of what came before", async () => {
  const [lobby, channel] = [stage.channel({ log: false }), stage.channel()];
  stage.join(channel);
  const slow = stage.join(lobby, {}, "", { maxBufferedAmount: 100, highWaterMark: 10 });
  await turn();
  slow.sink.flows = false;
  const late: Client[] = [];
  slow.stream.addEventListener("close", () => late.push(stage.join(channel)));
  for (let i = 0; i < 3; i++) void lobby.send("x".repeat(100));
  void channel.send("1");
  void channel.send("2");
  await turn();
  const [first] = late;
  expect(first?.data).toEqual(["1", "2"]);
  expect(new Set(first?.ids).size).toBe(3);
});

describe("one endpoint in several channels without a log", () => {
  it("gets the events of each in the order in which they were sent", async () => {
    const [left, right] = [stage.channel({ log: false }), stage.channel({ log: false })];
    const client = stage.join(left);
    expect(await right.add(client.stream)).toBe(true);
    for (const [i, channel] of [left, right, right, left].entries()) await channel.send(`${i}`);
    await turn();
    expect(client.data).toEqual(["0", "1", "2", "3"]);
    expect(left.delete(client.stream)).toBe(true);
    await left.send("4");
    await right.send("5");
    await turn();
    expect(client.data).toEqual(["0", "1", "2", "3", "5"]);
    client.leave();
    expect([left.size, right.size]).toEqual([0, 0]);
  });
});
