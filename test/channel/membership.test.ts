import { describe, expect, it } from "vitest";
import { MemoryClosedClients } from "../../src/index.ts";
import { createClosingId } from "../../src/core/closed-clients.ts";
import { turn } from "../support/recording-sink.ts";
import { type Client, Stage } from "./recorded-channel.ts";
import { SlowLog } from "./slow-log.ts";

const stage = new Stage();

const KINDS = [
  ["with a log", {}],
  ["without a log", { log: false }],
] as const;

describe.each(KINDS)("a member of a channel %s", (_, options) => {
  it("is counted, found and listed until it is deleted, which leaves it open", async () => {
    const channel = stage.channel(options);
    const [a, b] = [stage.client(), stage.client()];
    expect([channel.size, channel.has(a.stream), [...channel]]).toEqual([0, false, []]);
    expect(await channel.add(a.stream)).toBe(true);
    expect(await channel.add(b.stream)).toBe(true);
    expect([channel.size, channel.has(a.stream)]).toEqual([2, true]);
    expect([...channel]).toEqual([a.stream, b.stream]);
    expect(channel.delete(a.stream)).toBe(true);
    expect(channel.delete(a.stream)).toBe(false);
    expect([channel.size, channel.has(a.stream), [...channel]]).toEqual([1, false, [b.stream]]);
    expect(a.stream.closed).toBe(false);
    await channel.send("x");
    void a.stream.send("own");
    await turn();
    expect(a.data).toEqual(["own"]);
    expect(b.data).toEqual(["x"]);
  });

  it.each<[string, (client: Client) => unknown]>([
    ["its client goes", (client) => client.leave()],
    ["it is closed", ({ stream }) => stream.close()],
    ["it is closed for good", ({ stream }) => stream.close(true)],
  ])("leaves by itself when %s", async (_way, end) => {
    const channel = stage.channel(options);
    const client = stage.join(channel);
    const sizes: number[] = [];
    client.stream.addEventListener("close", () => sizes.push(channel.size));
    end(client);
    await turn();
    expect(channel.has(client.stream)).toBe(false);
    expect(sizes).toEqual([0]);
    expect(await channel.add(client.stream)).toBe(false);
    expect(channel.size).toBe(0);
  });

  it("has its place once, however often it is added", async () => {
    const channel = stage.channel(options);
    const client = stage.client();
    const answers = await Promise.all([1, 2, 3].map(() => channel.add(client.stream)));
    expect(answers).toEqual([true, true, true]);
    expect(channel.size).toBe(1);
    await channel.send("x");
    await turn();
    expect(client.data).toEqual(["x"]);
    expect(channel.delete(client.stream)).toBe(true);
    expect(channel.size).toBe(0);
  });

  it("can be told by all who iterate, whoever joins and leaves meanwhile", () => {
    const channel = stage.channel(options);
    const [a, b, c] = [stage.join(channel), stage.join(channel), stage.join(channel)];
    const d = stage.client();
    const seen: unknown[] = [];
    for (const stream of channel) {
      seen.push(stream);
      if (stream !== a.stream) continue;
      channel.delete(a.stream);
      void b.stream.close();
      void channel.add(d.stream);
    }
    expect(seen).toEqual([a.stream, c.stream, d.stream]);
    expect([...channel]).toEqual([c.stream, d.stream]);
  });

  it.each<[string, () => Client, string]>([
    [
      "was closed",
      () => {
        const client = stage.client();
        void client.stream.close();
        return client;
      },
      "closed",
    ],
    ["answers a HEAD request", () => stage.client("", {}, "HEAD"), "closed"],
    ["was refused", () => stage.client(createClosingId()), "refused"],
  ])("is nobody who %s before", async (_way, open, code) => {
    const channel = stage.channel(options);
    const client = open();
    expect(await channel.add(client.stream)).toBe(false);
    expect(channel.size).toBe(0);
    await channel.send("x");
    await turn();
    expect(client.text).toBe("");
    expect(client.closes).toMatchObject([{ code }]);
  });
});

describe("an endpoint in two channels", () => {
  const refusal = /^Cannot add "events": .*one last id.*use one channel with topics/;

  it("follows one log only: the second one is told to use topics, until it is deleted", async () => {
    const [first, second] = [stage.channel(), stage.channel()];
    const client = stage.join(first);
    expect(() => second.add(client.stream)).toThrow(TypeError);
    expect(() => second.add(client.stream)).toThrow(refusal);
    expect([first.has(client.stream), second.has(client.stream)]).toEqual([true, false]);
    await second.send("1");
    first.delete(client.stream);
    expect(await second.add(client.stream)).toBe(true);
    await second.send("2");
    await turn();
    expect(client.data).toEqual(["2"]);
    expect(() => first.add(client.stream)).toThrow(refusal);
  });

  it("counts as following while it still catches up", () => {
    const log = new SlowLog();
    const [first, second] = [stage.channel({ log }), stage.channel()];
    const client = stage.join(first, {}, log.lastId);
    expect(() => second.add(client.stream)).toThrow(refusal);
  });

  it("may be in any number of channels without a log besides", async () => {
    const [a, b, logged] = [
      stage.channel({ log: false }),
      stage.channel({ log: false }),
      stage.channel(),
    ];
    const client = stage.join(a);
    expect(await logged.add(client.stream)).toBe(true);
    expect(await b.add(client.stream)).toBe(true);
    for (const [i, channel] of [b, logged, a].entries()) await channel.send(`${i}`);
    await turn();
    expect(client.data).toEqual(["0", "1", "2"]);
  });
});

describe("a channel with a limit", () => {
  it("ends whoever is too many with 5 to 30 s to wait, and says so", async () => {
    const channel = stage.channel({ maxEndpoints: 2 });
    const members = [stage.join(channel), stage.join(channel)];
    const retries: number[] = [];
    for (let tries = 0; tries < 100; tries++) {
      const client = stage.client("");
      expect(await channel.add(client.stream)).toBe(false);
      expect(client.closes).toMatchObject([{ code: "channel-full", wasClean: true }]);
      expect(client.sink.head?.status).toBe(200);
      retries.push(Number(/^retry: (\d+)\n\n$/.exec(client.text)?.[1]));
    }
    for (const retry of retries) {
      expect(retry).toBeGreaterThanOrEqual(5_000);
      expect(retry).toBeLessThanOrEqual(30_000);
    }
    expect(new Set(retries).size).toBeGreaterThan(50);
    expect([...channel]).toEqual(members.map(({ stream }) => stream));
  });

  it("does not count who is added again, nor who has left", async () => {
    const channel = stage.channel({ maxEndpoints: 1 });
    const first = stage.join(channel);
    expect(await channel.add(first.stream, { topics: ["a"] })).toBe(true);
    first.leave();
    const second = stage.client();
    expect(await channel.add(second.stream)).toBe(true);
    channel.delete(second.stream);
    const third = stage.client();
    expect(await channel.add(third.stream)).toBe(true);
    expect(second.stream.closed).toBe(false);
  });

  it("counts who catches up", async () => {
    const log = new SlowLog();
    const channel = stage.channel({ maxEndpoints: 1, log });
    stage.join(channel, {}, log.lastId);
    expect(await channel.add(stage.client().stream)).toBe(false);
  });

  it("stops nobody for good whom it has no place for", async () => {
    const closedClients = new MemoryClosedClients();
    const channel = stage.channel({ maxEndpoints: 0 });
    await channel.add(stage.client("41", { closedClients }).stream);
    expect(stage.client("41", { closedClients }).stream.closed).toBe(false);
  });
});

describe("closing a member for good", () => {
  it("stops nobody who got the same event: its id is not its alone", async () => {
    const closedClients = new MemoryClosedClients();
    const channel = stage.channel();
    const client = stage.join(channel, {}, "", { closedClients });
    const id = await channel.send("x");
    void client.stream.close(true);
    await turn();
    expect(client.text).toMatch(/event: close\nid: evt-closed\.[^\n]*\ndata: \n\n$/);
    expect(client.stream.lastEventId).toBe(id);
    expect(stage.client(id, { closedClients }).stream.closed).toBe(false);
  });

  it("stops nobody either once it has left the channel, or never brought an event of it", async () => {
    const closedClients = new MemoryClosedClients();
    const channel = stage.channel();
    const id = await channel.send("x");
    const left = stage.join(channel, {}, id, { closedClients });
    channel.delete(left.stream);
    void left.stream.close(true);
    expect(stage.client(id, { closedClients }).stream.closed).toBe(false);
  });

  it.each(KINDS)("stops nobody when a closed channel %s turns it away", async (_, options) => {
    const closedClients = new MemoryClosedClients();
    const channel = stage.channel(options);
    const id = (await channel.send("x")) || "41";
    await channel.close({ noReconnect: true });
    const late = stage.client(id, { closedClients });
    expect(await channel.add(late.stream)).toBe(false);
    await turn();
    expect(late.closes).toMatchObject([{ code: "no-reconnect" }]);
    expect(late.text).toMatch(/^event: close\nid: evt-closed\./);
    expect(stage.client(id, { closedClients }).stream.closed).toBe(false);
  });
});
