import { describe, expect, it } from "vitest";
import { EventEndpointError } from "../../src/index.ts";
import { turn } from "../support/recording-sink.ts";
import { within } from "../support/inbox.ts";
import { Stage } from "./recorded-channel.ts";
import { SlowLog } from "./slow-log.ts";

const stage = new Stage();

const KINDS = [
  ["with a log", {}],
  ["without a log", { log: false }],
] as const;

/** The time after which a client comes back, as it was told last. */
const retryOf = ({ text }: { text: string }) =>
  Number(/retry: (\d+)\n(?:data: \n)?\n$/.exec(text)?.[1]);

describe.each(KINDS)("close() of a channel %s", (_, options) => {
  it("ends every stream after what was sent, each with another time to come back", async () => {
    const channel = stage.channel(options);
    const clients = Array.from({ length: 100 }, () => stage.join(channel));
    void channel.send("last");
    await within(channel.close(), "end of close()");
    expect(channel.size).toBe(0);
    const retries = clients.map(retryOf);
    for (const [i, client] of clients.entries()) {
      expect(client.data).toEqual(["last"]);
      expect(client.closes).toMatchObject([{ code: "closed", wasClean: true }]);
      // Each has a hundredth of the time for itself, so that no second has many.
      expect(retries[i]).toBeGreaterThanOrEqual(1_000 + i * 90);
      expect(retries[i]).toBeLessThanOrEqual(1_000 + (i + 1) * 91);
    }
    expect(new Set(retries).size).toBeGreaterThan(95);
  });

  it.each<[readonly [number, number], number, number]>([
    [[0, 0], 0, 0],
    [[5, 6], 5, 6],
    [[60_000, 120_000], 60_000, 120_000],
  ])("spreads the clients over %j", async (spread, min, max) => {
    const channel = stage.channel(options);
    const clients = Array.from({ length: 20 }, () => stage.join(channel));
    await channel.close({ spread });
    for (const retry of clients.map(retryOf)) {
      expect(retry).toBeGreaterThanOrEqual(min);
      expect(retry).toBeLessThanOrEqual(max);
    }
    expect(Math.max(...clients.map(retryOf)) - Math.min(...clients.map(retryOf))).toBeGreaterThan(
      (max - min) / 2 - 1,
    );
  });

  it("tells the clients never to come back, if it is to", async () => {
    const channel = stage.channel(options);
    const [first, second] = [stage.join(channel), stage.join(channel)];
    await channel.close({ noReconnect: true });
    for (const { text, closes } of [first, second]) {
      expect(text).toMatch(/event: close\nid: evt-closed\.[^\n]+\nretry: \d+\ndata: \n\n$/);
      expect(closes).toMatchObject([{ code: "no-reconnect" }]);
    }
  });

  it("resolves when all that was sent is taken, and not before", async () => {
    const channel = stage.channel(options);
    const [slow, fast] = [stage.join(channel), stage.join(channel)];
    slow.sink.flows = false;
    await channel.send("last");
    let isOver = false;
    const closed = channel.close().then(() => (isOver = true));
    await turn();
    expect(fast.closes).toHaveLength(1);
    expect([slow.closes.length, isOver]).toEqual([0, false]);
    slow.sink.take();
    await within(closed, "end of close()");
  });

  it("ends whoever is added later, who may come back as the others may", async () => {
    const channel = stage.channel(options);
    await channel.close({ spread: [700, 800] });
    const late = stage.client();
    expect(await channel.add(late.stream, { topics: ["a"] })).toBe(false);
    await turn();
    expect(late.text).toMatch(/^retry: (7\d\d|800)\n\n$/);
    expect(late.closes).toMatchObject([{ code: "closed" }]);
    expect(channel.size).toBe(0);
  });

  it("makes send() reject, and dispatchEvent() answer false and run no listener", async () => {
    const channel = stage.channel(options);
    let heard = 0;
    channel.addEventListener("tick", () => heard++);
    void channel.close();
    for (const sent of [channel.send("x"), channel.sendEvent("tick", "x", { topic: "a" })]) {
      const error: unknown = await sent.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(EventEndpointError);
      expect(error).toMatchObject({
        name: "EventEndpointError",
        code: "channel-closed",
        message: "Cannot send: the channel is closed",
      });
    }
    expect(channel.dispatchEvent(new MessageEvent("tick", { data: "x" }))).toBe(false);
    expect(channel.dispatchEvent(new Event("tick"))).toBe(false);
    expect(heard).toBe(0);
    expect(stage.errors).toEqual([]);
  });

  it("is the same whenever it is called, and what await using does", async () => {
    const channel = stage.channel(options);
    const client = stage.join(channel);
    const closed = channel.close({ spread: [5, 5] });
    expect(channel.close({ noReconnect: true, spread: [1, 2] })).toBe(closed);
    await channel[Symbol.asyncDispose]();
    expect(retryOf(client)).toBe(5);
    expect(client.closes).toHaveLength(1);
    const empty = stage.channel(options);
    await within(empty.close(), "end of close() without members");
  });

  it("stands calls from the close listeners of its members", async () => {
    const channel = stage.channel(options);
    const late = stage.client();
    const answers: unknown[] = [];
    const clients = [stage.join(channel), stage.join(channel), stage.join(channel)];
    clients[0]!.stream.addEventListener("close", () => {
      answers.push(channel.close({ spread: [1, 2] }));
      void channel.add(late.stream).then((isLive) => answers.push(isLive));
      void channel.add(clients[1]!.stream, { topics: ["a"] });
      channel.send("x").catch((error: unknown) => answers.push((error as EventEndpointError).code));
      void clients[2]!.stream.close({ reconnectionTime: 9 });
    });
    const closed = channel.close({ spread: [100, 200] });
    await within(closed, "end of close()");
    await turn();
    expect(answers[0]).toBe(closed);
    expect(answers.slice(1).toSorted()).toEqual(["channel-closed", false]);
    for (const client of [...clients, late]) expect(client.closes).toHaveLength(1);
    expect(retryOf(clients[1]!)).toBeGreaterThanOrEqual(100);
    expect(retryOf(clients[2]!)).toBe(9);
    expect(channel.size).toBe(0);
  });
});

describe("close() of a channel whose members catch up", () => {
  it("ends them with what they have got, and settles every add()", async () => {
    const log = new SlowLog();
    const channel = stage.channel({ log });
    const id = await channel.send("0");
    await channel.send("1");
    const client = stage.client(id);
    const joined = channel.add(client.stream);
    await within(channel.close(), "end of close()");
    expect(await within(joined, "answer of add()")).toBe(false);
    await log.answerAll();
    expect(client.text).toMatch(/^retry: \d+\n\n$/);
    expect(stage.errors).toEqual([]);
  });
});
