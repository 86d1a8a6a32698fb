import { describe, expect, it } from "vitest";
import { EventChannel, EventEndpoint, MemoryEventLog, ServerSentEvent } from "../../src/index.ts";
import { turn } from "../support/recording-sink.ts";
import { Stage } from "./recorded-channel.ts";

const stage = new Stage();

const unprintable = Object.assign(Object.create(null), { toString: undefined }) as string;

describe("wrong use of a channel", () => {
  it.each<[name: string, options: unknown]>([
    ["log", { log: true }],
    ["log", { log: null }],
    ["log", { log: {} }],
    ["log", { log: { append() {}, follow() {} } }],
    ["log", { log: MemoryEventLog }],
    ["maxReplay", { maxReplay: -1 }],
    ["maxReplay", { maxReplay: NaN }],
    ["maxReplay", { maxReplay: "10" }],
    ["maxReplay", { maxReplay: null }],
    ["maxEndpoints", { maxEndpoints: -1 }],
    ["maxEndpoints", { maxEndpoints: "10" }],
    ["maxEndpoints", { maxEndpoints: null }],
    ["serialize", { serialize: "JSON" }],
    ["serialize", { serialize: null }],
  ])("of option %s throws a TypeError that names it: %o", (name, options) => {
    const create = () => new EventChannel(options as never);
    expect(create).toThrow(TypeError);
    expect(create).toThrow(`"${name}"`);
  });

  it("is not to say null for no options, as many do", async () => {
    const channel = new EventChannel(null as never);
    const events = new EventEndpoint(new Request("http://localhost/"), null as never);
    expect(await channel.add(events, null as never)).toBe(true);
    await channel.send("x", null);
    await events.response.body?.cancel();
    await channel.close(null as never);
    expect(events.closed).toBe(true);
  });

  it("does not mean options that are undefined, which have their defaults", async () => {
    const channel = stage.channel({
      ...{ log: undefined, maxReplay: undefined, maxEndpoints: undefined },
      ...{ serialize: undefined, onError: undefined },
    });
    const client = stage.join(channel, { topics: undefined, filter: undefined });
    await channel.send({ a: 1 }, { topic: undefined, transient: undefined, retry: undefined });
    await channel.close({ noReconnect: undefined, spread: undefined });
    expect(client.data).toEqual(['{"a":1}']);
    expect(client.text).toMatch(/retry: \d{4,5}\n\n$/);
  });

  it.each([
    ["with a log", true],
    ["without a log", false],
  ])("throws at once, and nobody gets anything: %s", async (_, hasLog) => {
    const log = new MemoryEventLog();
    const channel = stage.channel({ log: hasLog && log });
    const client = stage.join(channel);
    const other = stage.client();
    let heard = 0;
    channel.addEventListener("tick", () => heard++);
    await turn();
    const before = [client.text, log.lastId];
    const detail = (fields: object) =>
      new CustomEvent("tick", { detail: { data: "x", ...fields } });
    const wrong: Record<string, (() => unknown)[]> = {
      event: [
        () => channel.send("x", { event: "a\nb" }),
        () => channel.sendEvent("a\rdata: forged", "x"),
        () => channel.sendEvent(Symbol("x") as never, "x"),
        () => channel.dispatchEvent(detail({ event: "a\0" })),
        () => channel.dispatchEvent(new MessageEvent("a\nb", { data: "x" })),
      ],
      id: [
        () => channel.send("x", "7\nevent: admin"),
        () => channel.sendEvent("tick", "x", { id: " 7" }),
        () => channel.dispatchEvent(new ServerSentEvent("tick", { data: "x", id: "7\0" })),
      ],
      retry: [
        () => channel.send("x", { retry: -1 }),
        () => channel.send("x", { retry: "1000" as never }),
        () => channel.dispatchEvent(detail({ retry: 0.5 })),
      ],
      topic: [
        () => channel.send("x", { topic: "a\nb" }),
        () => channel.sendEvent("tick", "x", { topic: unprintable }),
        () => channel.dispatchEvent(detail({ topic: Symbol("x") })),
      ],
      data: [
        () => channel.send(undefined),
        () => channel.send(1n, { transient: true }),
        () => channel.sendEvent("tick", () => 1),
        () => channel.dispatchEvent(new MessageEvent("tick", { data: Symbol("x") })),
      ],
      topics: [
        () => channel.add(other.stream, { topics: "news" as never }),
        () => channel.add(other.stream, { topics: 7 as never }),
        () => channel.add(other.stream, { topics: { a: 1 } as never }),
        () => channel.add(other.stream, { topics: ["a", "b\nc"] }),
        () => channel.add(other.stream, { topics: [undefined as never] }),
        () => channel.add(client.stream, { topics: [null as never] }),
      ],
      filter: [
        () => channel.add(other.stream, { filter: true as never }),
        () => channel.add(client.stream, { filter: null as never }),
      ],
      events: [
        () => channel.add(undefined as never),
        () => channel.add(new EventTarget() as never),
        () => channel.add("x" as never),
        () => channel.add({ closed: false } as never),
      ],
      spread: [
        () => channel.close({ spread: [2, 1] }),
        () => channel.close({ spread: [-1, 1] }),
        () => channel.close({ spread: [0, 2 ** 31] }),
        () => channel.close({ spread: ["1", "2"] as never }),
        () => channel.close({ spread: [1, 2, 3] as never }),
        () => channel.close({ spread: null as never }),
      ],
    };
    for (const [argument, calls] of Object.entries(wrong)) {
      for (const call of calls) {
        expect(call, String(call)).toThrow(TypeError);
        expect(call, String(call)).toThrow(`"${argument}"`);
      }
    }
    await turn();
    expect([client.text, log.lastId]).toEqual(before);
    expect([heard, channel.size, other.text, stage.errors]).toEqual([0, 1, "", []]);
    // The member still has what it was added with, and the channel is open.
    await channel.send("x", { topic: "a" });
    await turn();
    expect(client.data).toEqual(["x"]);
  });

  it("is also what a serializer returns that is no text, and that rejects", async () => {
    const serialize = (data: unknown) => (data === 1 ? 7 : Promise.reject(new Error("late")));
    const channel = stage.channel({ serialize: serialize as never });
    expect(() => channel.send(1)).toThrow('"data"');
    expect(() => channel.send(2)).toThrow('"data"');
    await turn();
    expect(stage.errors).toEqual([]);
  });

  it("asks nobody who is not there: has() and delete() of anything are false", () => {
    const channel = stage.channel();
    for (const each of [undefined, null, {}, new EventTarget(), stage.client().stream] as never[]) {
      expect(channel.has(each)).toBe(false);
      expect(channel.delete(each)).toBe(false);
    }
  });

  it("by a serializer that closes the channel makes send() reject", async () => {
    const channel = stage.channel({
      serialize: () => {
        void channel.close();
        return "x";
      },
    });
    const client = stage.join(channel);
    await expect(channel.send({})).rejects.toMatchObject({ code: "channel-closed" });
    expect(client.data).toEqual([]);
  });
});
