import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  EventChannel,
  type EventLogListener,
  type LogEntry,
  MemoryEventLog,
  type MemoryEventLogOptions,
} from "../../src/index.ts";

/** Tells what a log tells. */
class Listener implements EventLogListener {
  readonly heard: string[] = [];
  gaps = 0;

  entry({ data }: LogEntry): void {
    this.heard.push(data);
  }

  gap(): void {
    this.gaps++;
  }
}

beforeEach(() => void vi.useFakeTimers({ toFake: ["performance", "Date", "setTimeout"] }));
afterEach(() => void vi.useRealTimers());

/** Appends entries with this data; their ids, after that of the beginning. */
function fill(log: MemoryEventLog, ...data: string[]): string[] {
  return [log.lastId, ...data.map((each) => log.append({ data: each }).id)];
}

/** For each id, the data of what came after; `gone` if that cannot be told any more. */
function known(log: MemoryEventLog, ids: readonly string[]): string[] {
  return ids.map(
    (id) =>
      log
        .after(id, 1_000)
        ?.map(({ data }) => data)
        .join() ?? "gone",
  );
}

describe("what a log in memory keeps", () => {
  it("is so many entries, the oldest of which go first", () => {
    const log = new MemoryEventLog({ maxEntries: 2 });
    const ids = fill(log, "1", "2");
    expect(known(log, ids)).toEqual(["1,2", "2", ""]);
    ids.push(log.append({ data: "3" }).id);
    expect(known(log, ids)).toEqual(["gone", "2,3", "3", ""]);
    ids.push(log.append({ data: "4" }).id);
    expect(known(log, ids)).toEqual(["gone", "gone", "3,4", "4", ""]);
  });

  it("is so many bytes of data, as UTF-8", () => {
    const log = new MemoryEventLog({ maxBytes: 10 });
    const ids = fill(log, "éé", "日");
    expect(known(log, ids)).toEqual(["éé,日", "日", ""]);
    ids.push(log.append({ data: "abc" }).id);
    expect(known(log, ids)).toEqual(["éé,日,abc", "日,abc", "abc", ""]);
    ids.push(log.append({ data: "d" }).id);
    expect(known(log, ids)).toEqual(["gone", "日,abc,d", "abc,d", "d", ""]);
    ids.push(log.append({ data: "more than ten" }).id);
    // Not even the last one fits: only who has it knows where it is.
    expect(known(log, ids)).toEqual(["gone", "gone", "gone", "gone", "gone", ""]);
    ids.push(log.append({ data: "e" }).id);
    expect(known(log, ids).slice(-3)).toEqual(["gone", "e", ""]);
  });

  it("is what came in so much time", () => {
    const log = new MemoryEventLog({ maxAge: 1_000 });
    const ids = fill(log, "1");
    vi.advanceTimersByTime(600);
    ids.push(log.append({ data: "2" }).id);
    vi.advanceTimersByTime(400);
    expect(known(log, ids)).toEqual(["1,2", "2", ""]);
    vi.advanceTimersByTime(1);
    expect(known(log, ids)).toEqual(["gone", "2", ""]);
    vi.advanceTimersByTime(600);
    expect(known(log, ids)).toEqual(["gone", "gone", ""]);
  });

  it("does not depend on the clock on the wall", () => {
    const log = new MemoryEventLog({ maxAge: 1_000 });
    const ids = fill(log, "1");
    vi.setSystemTime(Date.now() + 10 * 365 * 86_400_000);
    expect(known(log, ids)).toEqual(["1", ""]);
    vi.setSystemTime(0);
    expect(known(log, ids)).toEqual(["1", ""]);
  });

  it("never makes the last id unknown, however long nothing comes", () => {
    const log = new MemoryEventLog();
    const [begin, id] = fill(log, "1") as [string, string];
    vi.advanceTimersByTime(86_400_000);
    expect(known(log, [begin, id])).toEqual(["gone", ""]);
    expect(log.lastId).toBe(id);
    log.append({ data: "2" });
    expect(known(log, [id])).toEqual(["2"]);
    const unused = new MemoryEventLog();
    const { lastId } = unused;
    vi.advanceTimersByTime(86_400_000);
    expect(known(unused, [lastId])).toEqual([""]);
  });

  it("is by default 1000 entries, five minutes and 16 MiB", () => {
    const log = new MemoryEventLog();
    expect(log).toMatchObject({ maxEntries: 1_000, maxAge: 300_000, maxBytes: 16_777_216 });
    const ids = fill(log, ...Array.from({ length: 1_001 }, (_, i) => `${i}`));
    expect(log.after(ids[0]!, 1)).toBeUndefined();
    expect(log.after(ids[1]!, 2_000)).toHaveLength(1_000);
    vi.advanceTimersByTime(300_000);
    expect(log.after(ids[1]!, 2_000)).toHaveLength(1_000);
    vi.advanceTimersByTime(1);
    expect(log.after(ids[1]!, 1)).toBeUndefined();
    const large = "x".repeat(8_388_608);
    const [begin] = fill(log, large, large);
    expect(log.after(begin!, 2)).toHaveLength(2);
    log.append({ data: "x" });
    expect(log.after(begin!, 2)).toBeUndefined();
  });

  it("is everything, without limits", () => {
    const log = new MemoryEventLog({ maxEntries: Infinity, maxAge: Infinity, maxBytes: Infinity });
    const ids = fill(log, ...Array.from({ length: 5_000 }, (_, i) => `${i}`));
    vi.advanceTimersByTime(1e10);
    expect(log.after(ids[0]!, Infinity)).toHaveLength(5_000);
  });

  it.each<[string, MemoryEventLogOptions]>([
    ["maxEntries", { maxEntries: 0 }],
    ["maxBytes", { maxBytes: 0 }],
  ])("is nothing, with %s: 0, and who has the last id is up to date", (_, options) => {
    const log = new MemoryEventLog(options);
    const ids = fill(log, "1", "2");
    expect(known(log, ids)).toEqual(["gone", "gone", ""]);
  });

  it("has no transient entries, which take no place either", () => {
    const log = new MemoryEventLog({ maxEntries: 1, maxBytes: 3 });
    const ids = fill(log, "1");
    for (let i = 0; i < 5; i++) log.append({ data: "typing…", transient: true });
    expect(known(log, ids)).toEqual(["1", ""]);
  });
});

describe("an option of a log in memory", () => {
  it.each<[string, unknown]>(
    ["maxEntries", "maxAge", "maxBytes"].flatMap((name) =>
      [-1, NaN, "10", null, 10n, {}].map((value): [string, unknown] => [name, value]),
    ),
  )("that is wrong throws a TypeError that names it: %s: %o", (name, value) => {
    const create = () => new MemoryEventLog({ [name]: value });
    expect(create).toThrow(TypeError);
    expect(create).toThrow(`"${name}"`);
  });

  it("that is undefined means the default, which a limit must not be lost by", () => {
    const all = { maxEntries: undefined, maxAge: undefined, maxBytes: undefined };
    expect(new MemoryEventLog(all)).toMatchObject({ maxEntries: 1_000, maxAge: 300_000 });
  });
});

describe("the ids of a log in memory", () => {
  it("count, behind an epoch of its own that nobody can guess", () => {
    const logs = Array.from({ length: 50 }, () => new MemoryEventLog());
    const ids = logs.map((log) => fill(log, "1", "2"));
    for (const [begin, first, second] of ids) {
      const [, epoch] = /^([0-9a-z]{21})-0$/.exec(begin!)!;
      expect([first, second]).toEqual([`${epoch}-1`, `${epoch}-2`]);
    }
    expect(new Set(ids.flat()).size).toBe(150);
    for (const id of ids[1]!) expect(logs[0]!.after(id, 1)).toBeUndefined();
  });

  it("take no random numbers before they are needed, which some runtimes do not have then", () => {
    const random = vi.spyOn(crypto, "getRandomValues");
    const log = new MemoryEventLog();
    const channel = new EventChannel();
    log.follow(new Listener());
    expect(random).not.toHaveBeenCalled();
    void channel.close();
    const { lastId } = log;
    log.append({ data: "1" });
    expect(log.lastId.split("-")[0]).toBe(lastId.split("-")[0]);
    expect(random).toHaveBeenCalledTimes(1);
    random.mockRestore();
  });
});

describe("the entries of a log in memory", () => {
  it("cannot be changed by anybody who gets them", () => {
    const log = new MemoryEventLog();
    const message = { data: "1", event: "tick", topic: "a", retry: 1 };
    const { lastId } = log;
    const entry = log.append(message);
    message.data = "forged";
    expect(() => (entry.data = "forged")).toThrow(TypeError);
    expect(() => (entry.id = "forged")).toThrow(TypeError);
    expect(log.after(lastId, 1)).toEqual([{ ...message, data: "1", id: entry.id }]);
    expect(Object.isFrozen(log.append({ data: "2", transient: true }))).toBe(true);
  });

  it("are the same objects for all who look, so that each is formatted once", () => {
    const log = new MemoryEventLog();
    const heard: LogEntry[] = [];
    log.follow({ entry: (entry) => heard.push(entry), gap() {} });
    const { lastId } = log;
    const entry = log.append({ data: "1" });
    expect(log.after(lastId, 1)![0]).toBe(entry);
    expect(heard[0]).toBe(entry);
  });
});

describe("who follows a log in memory", () => {
  it("does not miss what is appended while another listener throws, which is not hidden", async () => {
    const log = new MemoryEventLog();
    const listener = new Listener();
    const later: (() => void)[] = [];
    const queue = vi.spyOn(globalThis, "queueMicrotask").mockImplementation((task) => {
      later.push(task);
    });
    const fault = new Error("from the listener");
    log.follow({
      entry() {
        throw fault;
      },
      gap() {},
    });
    log.follow(listener);
    log.append({ data: "1" });
    queue.mockRestore();
    expect(listener.heard).toEqual(["1"]);
    expect(later).toHaveLength(1);
    expect(later[0]).toThrow(fault);
  });

  it("hears nothing any more once disposed of, also in the middle of an entry", () => {
    const log = new MemoryEventLog();
    const [first, second] = [new Listener(), new Listener()];
    log.follow({ entry: () => subscription[Symbol.dispose](), gap() {} });
    log.follow(first);
    const subscription = log.follow(second);
    log.append({ data: "1" });
    subscription[Symbol.dispose]();
    expect([first.heard, second.heard]).toEqual([["1"], []]);
  });

  it("begins with the next entry, also when it begins in the middle of one", () => {
    const log = new MemoryEventLog();
    const late = new Listener();
    let isFirst = true;
    log.follow({
      entry() {
        if (isFirst) log.follow(late);
        isFirst = false;
      },
      gap() {},
    });
    for (const data of ["1", "2"]) log.append({ data });
    expect(late.heard).toEqual(["2"]);
    expect(late.gaps).toBe(0);
  });
});
