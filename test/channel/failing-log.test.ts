import { describe, expect, it, vi } from "vitest";
import {
  type EventLog,
  type EventLogListener,
  type EventMessage,
  type LogEntry,
  MemoryEventLog,
} from "../../src/index.ts";
import { within } from "../support/inbox.ts";
import { turn } from "../support/recording-sink.ts";
import { Stage } from "./recorded-channel.ts";
import { SlowLog } from "./slow-log.ts";

const stage = new Stage();

/** How a call of a log goes wrong. */
type Fault = "throws" | "rejects";

/** A log that works, except for the methods that a test breaks. */
class BrokenLog implements EventLog {
  readonly broken = new Map<keyof EventLog, Fault>();
  readonly calls: string[] = [];
  readonly #log = new MemoryEventLog();

  get lastId(): string {
    return this.#log.lastId;
  }

  append(message: EventMessage): LogEntry | Promise<LogEntry> {
    return this.#call("append", () => this.#log.append(message));
  }

  after(id: string, limit: number) {
    return this.#call("after", () => this.#log.after(id, limit));
  }

  follow(listener: EventLogListener): Disposable | Promise<Disposable> {
    return this.#call("follow", () => this.#log.follow(listener));
  }

  #call<T>(method: keyof EventLog, work: () => T): T | Promise<T> {
    this.calls.push(method);
    const fault = this.broken.get(method);
    if (fault === "throws") throw new Error(`no ${method}()`);
    return fault === "rejects" ? Promise.reject(new Error(`no ${method}()`)) : work();
  }
}

/** Lets the second pass after which a log is asked again. */
async function second(): Promise<void> {
  await turn();
  vi.advanceTimersByTime(1_000);
  await turn();
}

describe.each<Fault>(["throws", "rejects"])("a log that %s", (fault) => {
  it("in append() makes send() reject with its error, and nobody gets the event", async () => {
    const log = new BrokenLog();
    const channel = stage.channel({ log });
    const client = stage.join(channel);
    log.broken.set("append", fault);
    await expect(channel.send("1")).rejects.toThrow("no append()");
    await expect(channel.sendEvent("tick", "2")).rejects.toThrow("no append()");
    log.broken.clear();
    await channel.send("3");
    await turn();
    expect(client.data).toEqual(["3"]);
    expect(stage.errors).toEqual([]);
  });

  it("in follow() is asked again each second, and nothing is lost meanwhile", async () => {
    const log = new BrokenLog();
    const id = log.lastId;
    log.broken.set("follow", fault);
    const channel = stage.channel({ log });
    const [old, young] = [stage.client(id), stage.client()];
    const joined = [channel.add(old.stream), channel.add(young.stream)];
    await channel.send("1");
    await second();
    await channel.send("2");
    await second();
    expect(stage.errors).toEqual(Array(3).fill("log: no follow()"));
    expect(old.text + young.text).toBe("");
    expect(channel.size).toBe(2);
    log.broken.clear();
    await second();
    expect(await Promise.all(joined)).toEqual([true, true]);
    await channel.send("3");
    await turn();
    expect(old.data).toEqual(["1", "2", "3"]);
    expect(young.data).toEqual(["3"]);
    expect(log.calls.filter((call) => call === "follow")).toHaveLength(4);
  });

  it("in follow() is not asked more often because more clients come", async () => {
    const log = new BrokenLog();
    log.broken.set("follow", fault);
    const channel = stage.channel({ log });
    for (let i = 0; i < 10; i++) {
      stage.join(channel);
      await turn();
    }
    expect(log.calls).toEqual(["follow"]);
    expect(stage.errors).toHaveLength(1);
  });

  it("in after() is asked again each second, while others go on", async () => {
    const log = new BrokenLog();
    const channel = stage.channel({ log });
    const id = await channel.send("0");
    await channel.send("1");
    const live = stage.join(channel);
    log.broken.set("after", fault);
    const client = stage.client(id);
    const joined = channel.add(client.stream);
    await turn();
    await channel.send("2");
    await second();
    expect(stage.errors).toEqual(Array(2).fill("log: no after()"));
    expect(client.text).toBe("");
    expect(live.data).toEqual(["2"]);
    log.broken.clear();
    await second();
    expect(await within(joined, "answer of add()")).toBe(true);
    await channel.send("3");
    await turn();
    expect(client.data).toEqual(["1", "2", "3"]);
    expect(live.data).toEqual(["2", "3"]);
  });

  it("in after() holds nobody who leaves, and is not asked for them again", async () => {
    const log = new BrokenLog();
    const channel = stage.channel({ log });
    const id = await channel.send("0");
    log.broken.set("after", fault);
    const [left, deleted] = [stage.client(id), stage.client(id)];
    const joined = [left, deleted].map(({ stream }) => channel.add(stream));
    await turn();
    left.leave();
    channel.delete(deleted.stream);
    expect(await Promise.all(joined)).toEqual([false, false]);
    const before = log.calls.length;
    await second();
    expect(log.calls.length).toBe(before);
    expect(deleted.stream.closed).toBe(false);
  });

  it("in after() is left alone once the channel is closed", async () => {
    const log = new BrokenLog();
    const channel = stage.channel({ log });
    const id = await channel.send("0");
    log.broken.set("after", fault);
    const client = stage.client(id);
    const joined = channel.add(client.stream);
    await channel.close();
    const errors = stage.errors.length;
    await second();
    expect(await joined).toBe(false);
    expect(stage.errors.length).toBe(errors);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a log whose followers cannot be disposed of", () => {
  it("does not keep the channel from closing, and tells onError", async () => {
    const memory = new MemoryEventLog();
    const subscription = {
      [Symbol.dispose]: () => {
        throw new Error("not yours");
      },
    };
    const log: EventLog = {
      lastId: memory.lastId,
      append: (message) => memory.append(message),
      after: (id, limit) => memory.after(id, limit),
      follow: () => subscription,
    };
    const channel = stage.channel({ log });
    const client = stage.join(channel);
    await within(channel.close(), "end of close()");
    expect(client.closes).toHaveLength(1);
    expect(stage.errors).toEqual(["log: not yours"]);
  });

  it("is left when follow() succeeds only after the channel was closed", async () => {
    let begin!: (subscription: Disposable) => void;
    let disposed = 0;
    const memory = new MemoryEventLog();
    const log: EventLog = {
      lastId: memory.lastId,
      append: (message) => memory.append(message),
      after: (id, limit) => memory.after(id, limit),
      follow: () => new Promise((resolve) => (begin = resolve)),
    };
    const channel = stage.channel({ log });
    const joined = channel.add(stage.client().stream);
    await channel.close();
    expect(await joined).toBe(false);
    begin({ [Symbol.dispose]: () => void disposed++ });
    await turn();
    expect(disposed).toBe(1);
  });
});

describe("a log that answers what no log should", () => {
  /** A channel over a log that has these entries, whatever they are, after the id `e-1`. */
  function channelOver(entries: unknown) {
    let tell!: (entry: LogEntry) => void;
    const log: EventLog = {
      lastId: "e-9",
      append: () => Promise.reject(new Error("read only")),
      after: () => entries as never,
      follow: (listener) => {
        tell = (entry) => listener.entry(entry);
        return { [Symbol.dispose]() {} };
      },
    };
    return { channel: stage.channel({ log }), tell: (entry: LogEntry) => tell(entry) };
  }

  it.each([
    ["a line break in an event", { id: "e-2", data: "x", event: "a\ndata: forged" }, '"event"'],
    ["a line break in an id", { id: "e-2\nevent: admin", data: "x" }, '"id"'],
    ["an id that could not come back", { id: " e-2", data: "x" }, '"id"'],
    ["no time to reconnect", { id: "e-2", data: "x", retry: "7\ndata: y" }, '"retry"'],
  ])("sends nothing of %s, on replay or live, and tells onError", async (_, wrong, fault) => {
    const right = [
      { id: "e-1", data: "before" },
      { id: "e-9", data: "behind" },
    ];
    const { channel, tell } = channelOver([right[0], wrong, right[1]]);
    const client = stage.join(channel, {}, "e-0");
    tell(wrong as never);
    tell({ id: "e-10", data: "live" });
    await turn();
    expect(client.text).toBe(
      "id: e-1\ndata: before\n\nid: e-9\ndata: behind\n\nid: e-10\ndata: live\n\n",
    );
    expect(stage.errors).toHaveLength(2);
    for (const error of stage.errors) {
      expect(error).toMatch(/^log: /);
      expect(error).toContain(fault);
    }
  });

  it("takes null for absent, as databases write it", async () => {
    const absent = { topic: null, event: null, retry: null, transient: null };
    const { channel, tell } = channelOver([{ id: "e-9", data: "old", ...absent }]);
    const client = stage.join(channel, { topics: ["a"] }, "e-1");
    tell({ id: "e-10", data: "new", ...absent } as never);
    await turn();
    expect(client.text).toBe("id: e-9\ndata: old\n\nid: e-10\ndata: new\n\n");
    const unknown = stage.join(channelOver(null).channel, {}, "e-1");
    expect(unknown.stream.lastEventId).toBe("e-9");
  });

  it.each([[7], [{}], ["text"], [[null]], [Promise.resolve({})]])(
    "is asked again later when after() answers %o",
    async (answer) => {
      const { channel } = channelOver(answer);
      const client = stage.join(channel, {}, "e-1");
      await second();
      expect(stage.errors.length).toBeGreaterThan(0);
      for (const error of stage.errors) expect(error).toMatch(/^log: /);
      expect(client.stream.closed).toBe(false);
      expect(client.data).toEqual([]);
    },
  );
});

describe("a log that is slow", () => {
  it("is asked once for all who are as far behind", async () => {
    const log = new SlowLog();
    const channel = stage.channel({ log });
    const id = await channel.send("0");
    await channel.send("1");
    const clients = Array.from({ length: 10 }, () => stage.join(channel, {}, id));
    await log.answerAll();
    expect(log.limits).toHaveLength(1);
    for (const client of clients) expect(client.data).toEqual(["1"]);
  });

  it("does not make its clients slow by what comes meanwhile: they get that as fast as they read", async () => {
    const log = new SlowLog();
    const channel = stage.channel({ log });
    const own = { highWaterMark: 1_000, maxBufferedAmount: 2_000 };
    const id = await channel.send("0");
    const client = stage.client(id, own);
    client.sink.flows = false;
    const joined = channel.add(client.stream);
    const sent = Array.from({ length: 50 }, (_, i) => `${i}${"x".repeat(300)}`);
    for (const data of sent) await channel.send(data);
    while (client.data.length < sent.length) {
      const before = client.data.length;
      await log.answerAll();
      client.sink.take();
      await turn();
      expect(client.closes).toEqual([]);
      expect(client.sink.bufferedAmount).toBeLessThan(1_500);
      if (client.data.length === before) await log.answerAll();
    }
    client.sink.take();
    await log.answerAll();
    expect(await within(joined, "answer of add()")).toBe(true);
    expect(client.data).toEqual(sent);
  });

  it("is asked again where it is, if thousands come before it answers", async () => {
    const log = new SlowLog({ maxEntries: 10_000 });
    const channel = stage.channel({ log });
    const id = await channel.send("0");
    const client = stage.client(id);
    const joined = channel.add(client.stream);
    const sent = Array.from({ length: 2_500 }, (_, i) => `${i + 1}`);
    for (const data of sent) await channel.send(data);
    await log.answerAll();
    expect(await within(joined, "answer of add()")).toBe(true);
    await channel.send("last");
    await turn();
    expect(client.data).toEqual([...sent, "last"]);
    expect(log.limits.length).toBeGreaterThan(10);
  });

  it("paces even a client whose limit is below what may wait for others", async () => {
    const channel = stage.channel();
    const id = await channel.send("0");
    const sent = Array.from({ length: 100 }, (_, i) => `${i}${"x".repeat(300)}`);
    for (const data of sent) await channel.send(data);
    const client = stage.client(id, { maxBufferedAmount: 1_000 });
    client.sink.flows = false;
    const joined = channel.add(client.stream);
    for (let takes = 0; takes < 100 && client.data.length < 100; takes++) {
      await turn();
      client.sink.take();
      await turn();
    }
    expect(client.closes).toEqual([]);
    expect(client.data).toEqual(sent);
    client.sink.take();
    expect(await within(joined, "answer of add()")).toBe(true);
  });
});
