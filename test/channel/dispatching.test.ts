import { describe, expect, it } from "vitest";
import { type EventLog, MemoryEventLog, ServerSentEvent } from "../../src/index.ts";
import { turn } from "../support/recording-sink.ts";
import { Stage } from "./recorded-channel.ts";

const stage = new Stage();

describe("sendEvent()", () => {
  it("sends an event of that type, whatever its fields say", async () => {
    const channel = stage.channel({ log: false });
    const client = stage.join(channel);
    await channel.sendEvent("tick", { a: 1 });
    await channel.sendEvent("tick", "x", "7");
    await channel.sendEvent("tick", "x", { id: 8, retry: 9, topic: "t", transient: true });
    await channel.sendEvent("tick", "x", { event: "other" } as never);
    await channel.sendEvent("", "x", null);
    await turn();
    expect(client.text).toBe(
      'event: tick\ndata: {"a":1}\n\nevent: tick\nid: 7\ndata: x\n\n' +
        "event: tick\nid: 8\nretry: 9\ndata: x\n\nevent: tick\ndata: x\n\ndata: x\n\n",
    );
  });
});

describe("dispatchEvent() of a channel", () => {
  it("runs the channel's listeners once, before anybody gets the event", async () => {
    const channel = stage.channel({ log: false });
    const clients = [stage.join(channel), stage.join(channel)];
    const heard: unknown[] = [];
    channel.addEventListener("tick", (event) => {
      heard.push((event as MessageEvent).data);
      void channel.send("from the listener");
    });
    expect(channel.dispatchEvent(new MessageEvent("tick", { data: "x" }))).toBe(true);
    await turn();
    expect(heard).toEqual(["x"]);
    for (const client of clients) {
      expect(client.text).toBe("data: from the listener\n\nevent: tick\ndata: x\n\n");
    }
  });

  it("does not send what a listener prevented, if it could be", async () => {
    const channel = stage.channel();
    const client = stage.join(channel);
    channel.addEventListener("tick", (event) => event.preventDefault());
    const tick = (data: string, cancelable: boolean) =>
      channel.dispatchEvent(new ServerSentEvent("tick", { data, cancelable }));
    expect(tick("1", true)).toBe(false);
    expect(tick("2", false)).toBe(true);
    await turn();
    expect(client.data).toEqual(["2"]);
  });

  it("sends events that carry a message, by their shape, and keeps all others", async () => {
    const channel = stage.channel({ log: false });
    const client = stage.join(channel, { topics: ["t"] });
    const sent: Event[] = [
      new MessageEvent("message", { data: { a: 1 }, lastEventId: "1" }),
      new ServerSentEvent("own", { data: "b", id: "2", retry: 0 }),
      new CustomEvent("own", { detail: { data: "c" } }),
      new CustomEvent("own", {
        detail: { data: "d", event: "other", id: 3, retry: 5, topic: "t", transient: true },
      }),
      new CustomEvent("own", { detail: { data: "for others", topic: "u" } }),
      Object.assign(new Event("foreign"), { data: "e", lastEventId: "4" }),
    ];
    const kept: Event[] = [
      new Event("plain"),
      new CustomEvent("detail", { detail: { value: 1 } }),
      Object.assign(new Event("close"), { code: "closed", reason: "", wasClean: true }),
    ];
    const heard: string[] = [];
    for (const event of [...sent, ...kept]) {
      channel.addEventListener(event.type, ({ type }) => heard.push(type), { once: true });
      expect(channel.dispatchEvent(event)).toBe(true);
    }
    await turn();
    expect(heard).toEqual([...sent, ...kept].map(({ type }) => type));
    expect(client.text).toBe(
      'id: 1\ndata: {"a":1}\n\nevent: own\nid: 2\nretry: 0\ndata: b\n\nevent: own\ndata: c\n\n' +
        "event: other\nid: 3\nretry: 5\ndata: d\n\nevent: foreign\nid: 4\ndata: e\n\n",
    );
  });

  it("does not send an event whose listener closed the channel", async () => {
    const channel = stage.channel({ log: false });
    const client = stage.join(channel);
    channel.addEventListener("last", () => void channel.close());
    expect(channel.dispatchEvent(new MessageEvent("last", { data: "x" }))).toBe(false);
    await turn();
    expect(client.data).toEqual([]);
    expect(stage.errors).toEqual([]);
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("no place left");
      },
    ],
    ["rejects", () => Promise.reject(new Error("no place left"))],
  ])("tells onError of a log that %s, and nobody else", async (_, append) => {
    const memory = new MemoryEventLog();
    const log: EventLog = {
      lastId: memory.lastId,
      append: append,
      after: (id, limit) => memory.after(id, limit),
      follow: (listener) => memory.follow(listener),
    };
    const channel = stage.channel({ log });
    const client = stage.join(channel);
    expect(channel.dispatchEvent(new MessageEvent("message", { data: "x" }))).toBe(true);
    await turn();
    expect(stage.errors).toEqual(["log: no place left"]);
    expect(client.data).toEqual([]);
  });
});
