import { describe, expect, it } from "vitest";
import { turn } from "../support/recording-sink.ts";
import { Stage } from "./recorded-channel.ts";
import { SlowLog } from "./slow-log.ts";

const stage = new Stage();

describe.each([
  ["with a log", {}],
  ["without a log", { log: false }],
] as const)("topics in a channel %s", (_, options) => {
  it("decide who gets an event: with or without topics on either side", async () => {
    const channel = stage.channel(options);
    const everything = stage.join(channel);
    const a = stage.join(channel, { topics: ["a"] });
    const both = stage.join(channel, { topics: ["a", "b", "a"] });
    const none = stage.join(channel, { topics: [] });
    await channel.send("to all");
    await channel.send("to a", { topic: "a" });
    await channel.sendEvent("tick", "to b", { topic: "b" });
    await channel.send("to c", { topic: "c" });
    await channel.send("to all, too", { topic: null });
    const detail = { data: "to a, too", topic: "a" };
    channel.dispatchEvent(new CustomEvent("message", { detail }));
    await turn();
    expect(everything.data).toEqual(["to all", "to a", "to b", "to c", "to all, too", "to a, too"]);
    expect(a.data).toEqual(["to all", "to a", "to all, too", "to a, too"]);
    expect(both.data).toEqual(["to all", "to a", "to b", "to all, too", "to a, too"]);
    expect(none.data).toEqual(["to all", "to all, too"]);
  });

  it("are any text, the empty one and names of properties included", async () => {
    const channel = stage.channel(options);
    const topics = ["", "__proto__", "constructor", "0", "日 本"];
    const clients = topics.map((topic) => stage.join(channel, { topics: [topic] }));
    for (const topic of topics) await channel.send(`to ${topic}`, { topic });
    await turn();
    for (const [i, client] of clients.entries()) expect(client.data).toEqual([`to ${topics[i]}`]);
  });

  it("are changed by adding the member again, which is told nothing else", async () => {
    const channel = stage.channel(options);
    const client = stage.join(channel, { topics: ["a"] });
    await turn();
    const before = client.text;
    expect(await channel.add(client.stream, { topics: ["b"] })).toBe(true);
    await turn();
    expect(client.text).toBe(before);
    expect(channel.size).toBe(1);
    await channel.send("1", { topic: "a" });
    await channel.send("2", { topic: "b" });
    expect(await channel.add(client.stream)).toBe(true);
    await channel.send("3", { topic: "a" });
    expect(await channel.add(client.stream, { topics: [] })).toBe(true);
    await channel.send("4", { topic: "a" });
    await turn();
    expect(client.data).toEqual(["2", "3"]);
  });

  it("are those of the time of adding, whatever becomes of the list", async () => {
    const channel = stage.channel(options);
    const topics = ["a"];
    const client = stage.join(channel, { topics });
    topics[0] = "b";
    await channel.send("1", { topic: "a" });
    await channel.send("2", { topic: "b" });
    await turn();
    expect(client.data).toEqual(["1"]);
  });

  it("are forgotten with the member", async () => {
    const channel = stage.channel(options);
    const client = stage.join(channel, { topics: ["a"] });
    channel.delete(client.stream);
    await channel.send("1", { topic: "a" });
    expect(await channel.add(client.stream, { topics: ["b"] })).toBe(true);
    await channel.send("2", { topic: "a" });
    await channel.send("3", { topic: "b" });
    await turn();
    expect(client.data).toEqual(["3"]);
  });

  it("cost by those who get the event: nobody else's filter is asked", async () => {
    const channel = stage.channel(options);
    const asked: string[] = [];
    for (const topic of ["a", "b"]) {
      const filter = () => asked.push(topic) > 0;
      stage.join(channel, { topics: [topic], filter });
    }
    await channel.send("1", { topic: "b" });
    await channel.send("2", { topic: "c" });
    expect(asked).toEqual(["b"]);
  });
});

describe("topics of a member that catches up", () => {
  it("hold for what it missed", async () => {
    const channel = stage.channel();
    const id = await channel.send("0");
    for (const topic of ["a", "b", undefined]) await channel.send(`${topic}`, { topic });
    const client = stage.join(channel, { topics: ["b"] }, id);
    await turn();
    expect(client.data).toEqual(["b", "undefined"]);
  });

  it("can be changed meanwhile, and both calls answer when it is live", async () => {
    const log = new SlowLog();
    const channel = stage.channel({ log });
    const id = await channel.send("0");
    await channel.send("1", { topic: "a" });
    await channel.send("2", { topic: "b" });
    const client = stage.client(id);
    const first = channel.add(client.stream, { topics: ["a"] });
    const second = channel.add(client.stream, { topics: ["b"], filter: () => true });
    expect(channel.size).toBe(1);
    await log.answerAll();
    expect(await Promise.all([first, second])).toEqual([true, true]);
    await turn();
    expect(client.data).toEqual(["2"]);
  });
});
