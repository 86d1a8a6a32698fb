import { describe, expect, it } from "vitest";
import { type EventChannel, MemoryEventLog, ServerSentEvent } from "../../src/index.ts";
import { turn } from "../support/recording-sink.ts";
import { Stage } from "./recorded-channel.ts";

const stage = new Stage();

describe("the ids of a channel with a log", () => {
  it("are given by the log, and are what send() and sendEvent() promise", async () => {
    const channel = stage.channel();
    const client = stage.join(channel);
    const ids = [await channel.send("1"), await channel.sendEvent("tick", "2")];
    channel.dispatchEvent(new MessageEvent("message", { data: "3" }));
    await turn();
    const [epoch] = ids[0]!.split("-");
    expect(ids).toEqual([`${epoch}-1`, `${epoch}-2`]);
    expect(client.text).toBe(
      `event: ready\nid: ${epoch}-0\ndata: \n\n` +
        `id: ${epoch}-1\ndata: 1\n\nevent: tick\nid: ${epoch}-2\ndata: 2\n\n` +
        `id: ${epoch}-3\ndata: 3\n\n`,
    );
    expect(client.stream.lastEventId).toBe(`${epoch}-3`);
  });

  it("are the same for all who got the event, also when they got it later", async () => {
    const channel = stage.channel();
    const live = stage.join(channel);
    const first = await channel.send("0");
    await turn();
    await channel.send("1", { event: "tick", retry: 7, topic: "a" });
    const late = stage.join(channel, {}, first);
    await turn();
    expect(late.text).not.toBe("");
    expect(live.text.endsWith(late.text)).toBe(true);
    expect(late.sink.texts[0]).toBe(live.sink.texts.at(-1)!);
  });

  it("are formatted once for all who come back, however many events they missed", async () => {
    const channel = stage.channel();
    const id = await channel.send("0");
    for (const data of ["1", "2", "3"]) await channel.send(data);
    const clients = [1, 2, 3].map(() => stage.join(channel, {}, id));
    await turn();
    for (const { sink, data } of clients) {
      expect(data).toEqual(["1", "2", "3"]);
      expect(sink.texts[0]).toBe(clients[0]!.sink.texts[0]);
    }
  });

  const refused = 'Invalid "id": must be absent, because the channel\'s log gives the ids';
  it.each<[string, string | undefined, (channel: EventChannel) => unknown]>([
    ["send(…, id)", "7", (channel) => channel.send("x", "7")],
    ["send(…, '')", "", (channel) => channel.send("x", "")],
    ["send(…, { id })", "7", (channel) => channel.send("x", { id: "7" })],
    ["send(…, { id: 0 })", "0", (channel) => channel.send("x", { id: 0 })],
    ["send(…, { id, transient })", "7", (c) => c.send("x", { id: "7", transient: true })],
    ["sendEvent(…, id)", "7", (channel) => channel.sendEvent("tick", "x", "7")],
    ["sendEvent(…, { id })", "7", (channel) => channel.sendEvent("tick", "x", { id: 7 })],
    [
      "a MessageEvent with a lastEventId",
      "7",
      (channel) => channel.dispatchEvent(new MessageEvent("x", { data: "x", lastEventId: "7" })),
    ],
    [
      "a ServerSentEvent with an id",
      "",
      (channel) => channel.dispatchEvent(new ServerSentEvent("x", { data: "x", id: "" })),
    ],
    [
      "a CustomEvent with an id",
      "7",
      (channel) => channel.dispatchEvent(new CustomEvent("x", { detail: { data: "x", id: 7 } })),
    ],
  ])("are nobody else's to give: %s throws at once", async (_, id, send) => {
    const log = new MemoryEventLog();
    const channel = stage.channel({ log });
    const client = stage.join(channel);
    const heard: string[] = [];
    channel.addEventListener("x", ({ type }) => heard.push(type));
    const { lastId } = log;
    await turn();
    const before = client.text;
    expect(() => send(channel)).toThrow(new TypeError(`${refused}, got ${JSON.stringify(id)}`));
    await turn();
    expect(client.text).toBe(before);
    expect(log.lastId).toBe(lastId);
    expect(heard).toEqual([]);
  });

  it.each([null, undefined])("may be said to be %s, which is to say nothing", async (id) => {
    const channel = stage.channel();
    const client = stage.join(channel);
    await channel.send("1", { id });
    await channel.send("2", id);
    channel.dispatchEvent(new MessageEvent("message", { data: "3", lastEventId: "" }));
    channel.dispatchEvent(new CustomEvent("message", { detail: { data: "4", id } }));
    await turn();
    expect(client.data).toEqual(["1", "2", "3", "4"]);
  });
});

describe("the ids of a channel without a log", () => {
  it("are sent as they are given, and nothing else has one", async () => {
    const channel = stage.channel({ log: false });
    const client = stage.join(channel, {}, "41");
    expect(await channel.send("1")).toBe("");
    expect(client.stream.lastEventId).toBe("41");
    expect(await channel.send("2", "42")).toBe("42");
    expect(client.stream.lastEventId).toBe("42");
    expect(await channel.sendEvent("tick", "3", { id: 0 })).toBe("0");
    channel.dispatchEvent(new MessageEvent("message", { data: "4", lastEventId: "43" }));
    expect(client.stream.lastEventId).toBe("43");
    await turn();
    expect(client.text).toBe(
      "data: 1\n\nid: 42\ndata: 2\n\nevent: tick\nid: 0\ndata: 3\n\nid: 43\ndata: 4\n\n",
    );
  });

  it("are forgotten by an empty one, as on an endpoint", async () => {
    const channel = stage.channel({ log: false });
    const client = stage.join(channel, {}, "41");
    expect(await channel.send("x", "")).toBe("");
    await turn();
    expect(client.text).toBe("id: \ndata: x\n\n");
    expect(client.stream.lastEventId).toBe("");
  });

  it("bring nothing back: a client that has one gets what comes from now on", async () => {
    const channel = stage.channel({ log: false });
    await channel.send("1", "1");
    await channel.send("2", "2");
    const client = stage.join(channel, {}, "1");
    await channel.send("3", "3");
    await turn();
    expect(client.text).toBe("id: 3\ndata: 3\n\n");
  });
});

describe("the first event of a member", () => {
  it("is ready with the current id, for a client without one, and nothing of the past", async () => {
    const channel = stage.channel();
    await channel.send("1");
    const id = await channel.send("2");
    const client = stage.client();
    expect(await channel.add(client.stream)).toBe(true);
    await turn();
    expect(client.text).toBe(`event: ready\nid: ${id}\ndata: \n\n`);
    expect(client.stream.lastEventId).toBe(id);
  });

  it("is ready before the first event of the log, too, so that it is not missed", async () => {
    const log = new MemoryEventLog();
    const channel = stage.channel({ log });
    const client = stage.join(channel);
    await turn();
    expect(client.text).toBe(`event: ready\nid: ${log.lastId}\ndata: \n\n`);
    client.leave();
    await channel.send("1");
    const again = stage.join(channel, {}, client.stream.lastEventId);
    await turn();
    expect(again.data).toEqual(["1"]);
    expect(again.types).toEqual([]);
  });

  it("is the same text for all who come while nothing is sent", async () => {
    const channel = stage.channel();
    const [first, second] = [stage.join(channel), stage.join(channel)];
    await turn();
    expect(first.sink.texts[0]).toBe(second.sink.texts[0]);
    await channel.send("x");
    const third = stage.join(channel);
    await turn();
    expect(third.text).not.toBe(first.sink.writes[0]);
  });

  it.each([
    ["of no log", "41"],
    ["of nobody's making", 'é "quoted" \\ <b>'],
    ["of another log", "0000000000000000000000000000-1"],
  ])(
    "is resync with its own id and the current one, for a client with an id %s",
    async (_, own) => {
      const channel = stage.channel();
      await channel.send("1");
      const id = await channel.send("2");
      const header = Buffer.from(own).toString("latin1");
      const client = stage.client(header);
      expect(await channel.add(client.stream)).toBe(true);
      await channel.send("3");
      await turn();
      const data = JSON.stringify({ lastEventId: own });
      expect(client.text.startsWith(`event: resync\nid: ${id}\ndata: ${data}\n\n`)).toBe(true);
      expect(client.data).toEqual(["3"]);
      expect(client.types).toEqual(["resync"]);
    },
  );

  it("is resync for a client that is further behind than maxReplay, and not before", async () => {
    const channel = stage.channel({ maxReplay: 3 });
    const ids = [await channel.send("0")];
    for (let i = 1; i <= 4; i++) ids.push(await channel.send(`${i}`));
    const [four, three] = [stage.join(channel, {}, ids[0]), stage.join(channel, {}, ids[1])];
    await turn();
    const data = JSON.stringify({ lastEventId: ids[0] });
    expect(four.text).toBe(`event: resync\nid: ${ids[4]}\ndata: ${data}\n\n`);
    expect(three.data).toEqual(["2", "3", "4"]);
    expect(three.types).toEqual([]);
  });

  it.each([0, 0.5])(
    "is resync for whoever missed anything, with maxReplay: %s",
    async (maxReplay) => {
      const channel = stage.channel({ maxReplay });
      const ids = [await channel.send("0"), await channel.send("1")];
      const [behind, upToDate] = ids.map((id) => stage.join(channel, {}, id));
      await turn();
      expect(behind!.types).toEqual(["resync"]);
      expect(upToDate!.text).toBe("");
    },
  );

  it("is what it missed, and nothing else, for a client whose id is known", async () => {
    const channel = stage.channel();
    const ids = [await channel.send("1"), await channel.send("2"), await channel.send("3")];
    const clients = ids.map((id) => stage.join(channel, {}, id));
    await turn();
    expect(clients.map(({ data }) => data)).toEqual([["2", "3"], ["3"], []]);
    for (const { types } of clients) expect(types).toEqual([]);
  });

  it("comes once for an endpoint that leaves and is added again: then what it missed", async () => {
    const channel = stage.channel();
    const client = stage.join(channel);
    await channel.send("1");
    channel.delete(client.stream);
    await channel.send("2");
    expect(await channel.add(client.stream)).toBe(true);
    await channel.send("3");
    await turn();
    expect(client.types).toEqual(["ready"]);
    expect(client.data).toEqual(["1", "2", "3"]);
  });

  it("is resync in another channel, of whose log the client has no id", async () => {
    const [first, second] = [stage.channel(), stage.channel()];
    const client = stage.join(first);
    await first.send("1");
    await second.send("2");
    expect(first.delete(client.stream)).toBe(true);
    expect(await second.add(client.stream)).toBe(true);
    await turn();
    expect(client.types).toEqual(["ready", "resync"]);
    expect(client.data).toEqual(["1"]);
  });
});

describe("a transient event", () => {
  it("goes to those who are there, by topic, has no id, and moves nobody's", async () => {
    const channel = stage.channel();
    const [all, a] = [stage.join(channel), stage.join(channel, { topics: ["a"] })];
    const id = await channel.send("1");
    expect(await channel.send("2", { transient: true, event: "typing" })).toBe("");
    expect(await channel.sendEvent("typing", "3", { transient: true, topic: "b" })).toBe("");
    const detail = { data: "4", topic: "a", transient: true };
    channel.dispatchEvent(new CustomEvent("typing", { detail }));
    await turn();
    expect(all.text).toContain(
      `id: ${id}\ndata: 1\n\nevent: typing\ndata: 2\n\nevent: typing\ndata: 3\n\n` +
        "event: typing\ndata: 4\n\n",
    );
    expect(a.data).toEqual(["1", "2", "4"]);
    expect(all.stream.lastEventId).toBe(id);
  });

  it("is not where the channel is: who comes then gets the id before it", async () => {
    const channel = stage.channel();
    const live = stage.join(channel);
    const id = await channel.send("1");
    await channel.send("2", { transient: true });
    const late = stage.join(channel);
    const lost = stage.join(channel, {}, "41");
    await turn();
    expect(late.text).toBe(`event: ready\nid: ${id}\ndata: \n\n`);
    expect(lost.ids).toEqual([id]);
    expect(live.types).toEqual(["ready"]);
  });

  it("is never replayed", async () => {
    const channel = stage.channel();
    const id = await channel.send("0");
    for (let i = 1; i <= 6; i++) await channel.send(`${i}`, { transient: i % 2 === 0 });
    const client = stage.join(channel, {}, id);
    await turn();
    expect(client.data).toEqual(["1", "3", "5"]);
  });

  it.each([false, null, undefined])("is not what transient: %s says", async (transient) => {
    const channel = stage.channel();
    expect(await channel.send("x", { transient })).not.toBe("");
  });
});

describe("a member for whom nothing comes", () => {
  it("is told the current id once a quarter of the log came for others", async () => {
    const channel = stage.channel({ log: new MemoryEventLog({ maxEntries: 40 }) });
    const quiet = [
      stage.join(channel, { topics: ["none"] }),
      stage.join(channel, { filter: () => false }),
    ];
    const loud = stage.join(channel);
    const ids: string[] = [];
    for (let i = 1; i <= 25; i++) ids.push(await channel.send(`${i}`, { topic: "some" }));
    await turn();
    for (const { text } of quiet) {
      const frames = text.split("\n\n").slice(1, -1);
      expect(frames).toEqual([
        `event: ready\nid: ${ids[9]}\ndata: `,
        `event: ready\nid: ${ids[19]}\ndata: `,
      ]);
    }
    expect(loud.types).toEqual(["ready"]);
  });

  it("is told it as well when what it missed was not for it", async () => {
    const channel = stage.channel();
    const first = await channel.send("0");
    await channel.send("1", { topic: "a" });
    const last = await channel.send("2", { topic: "b" });
    const quiet = stage.join(channel, { topics: ["a"] }, first);
    const upToDate = stage.join(channel, { topics: ["b"] }, first);
    await turn();
    expect(quiet.data).toEqual(["1"]);
    expect(quiet.text.endsWith(`event: ready\nid: ${last}\ndata: \n\n`)).toBe(true);
    expect(quiet.stream.lastEventId).toBe(last);
    expect(upToDate.types).toEqual([]);
  });
});
