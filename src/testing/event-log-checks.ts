import type { EventLog, EventLogListener, EventMessage, LogEntry } from "../channel/event-log.ts";
import { canReturn } from "../core/frame.ts";
import type { Told } from "./told.ts";

/** What a check works with. */
export interface Bench {
  readonly log: EventLog;
  openAgain(this: void): Promise<EventLog>;
  /** Follows a log until the end of the check, at the latest. */
  listen(this: void, log: EventLog, listener: EventLogListener): Promise<Disposable>;
  /** Likewise, and keeps what it tells. */
  follow(this: void, log: EventLog): Promise<Told>;
}

/** How many appends a bounded log may take before the first of its entries is gone. */
const PATIENCE = 20_000;

/** What an `EventLog` has to do, by a sentence about it. */
export const CHECKS: Record<string, (bench: Bench) => Promise<void>> = {
  "gives every entry an id that a client can bring back": async ({ log }) => {
    const { id } = await log.append({ data: "x" });
    check(/^[!-~]+-\d+$/.test(id), `id ${quote(id)} is not <epoch>-<sequence> in printable ASCII`);
    check(id.length <= 64, `id ${quote(id)} has more than 64 bytes`);
    check(canReturn(id), `id ${quote(id)} would not come back as it was sent`);
  },
  "gives every entry an id of its own, also when many are appended at once": async ({ log }) => {
    const entries = await appendAll(log, 50);
    same(new Set(entries.map(({ id }) => id)).size, 50, "different ids");
  },
  "keeps what an entry says": async ({ log }) => {
    const first = await log.append({ data: "first" });
    const messages: EventMessage[] = [
      { data: "" },
      { data: "a\nb\r\nc\rd: e" },
      { data: "é…日本\u{1f600}\0\u2028", event: "täst", retry: 0, topic: "__proto__" },
      { data: "0", event: "0", topic: "" },
      { data: "x".repeat(100_000), retry: 2 ** 31 - 1 },
    ];
    const appended: LogEntry[] = [];
    for (const message of messages) appended.push(await log.append(message));
    same(appended.map(comparable), messages.map(comparable), "what append() answers");
    const kept = (await log.after(first.id, 100)) ?? [];
    same(kept.map(comparable), messages.map(comparable), "what after() answers");
    same(idsOf(kept), idsOf(appended), "the ids of after()");
  },
  "answers after() with what came after, oldest first": async ({ log }) => {
    const entries = await appendAll(log, 12);
    for (const [index, { id }] of entries.entries()) {
      const rest = await log.after(id, 100);
      same(rest && idsOf(rest), idsOf(entries.slice(index + 1)), `after(entry ${index})`);
    }
  },
  "answers after() with no more than was asked for": async ({ log }) => {
    const entries = await appendAll(log, 12);
    const [first] = entries as [LogEntry];
    for (const limit of [1, 2, 11, 12, 1_000]) {
      const some = await log.after(first.id, limit);
      same(some && idsOf(some), idsOf(entries.slice(1, limit + 1)), `after(…, ${limit})`);
    }
  },
  "knows no id but those that it gave": async ({ log, follow }) => {
    await follow(log);
    const [{ id }] = (await appendAll(log, 3)) as [LogEntry];
    const [, epoch = "", sequence = ""] = /^(.*)-(\d+)$/.exec(id) ?? [];
    const forged = [
      ...["nonsense", "0", "1", "-", "+", "$", "*", "0-", "-1", "(", `(${id}`, "earliest", "now"],
      ...[` ${id}`, `${id} `, `+${id}`, `${epoch}-0${sequence}`, `0${id}`, `${id}.0`, `${id}\0`],
      ...[`${epoch}-`, `${epoch}-+${sequence}`, `${epoch}-1e3`, `${epoch}-0x1`, `${epoch}--1`],
      ...[
        `${epoch}-NaN`,
        `${epoch}-0.5`,
        `${epoch}-18446744073709551616`,
        "é-1",
        "x".repeat(1_024),
      ],
      `${"9".repeat(400)}-${"9".repeat(400)}`,
    ];
    for (const each of forged) same(await log.after(each, 10), undefined, `after(${quote(each)})`);
  },
  "does not know an id that is not given yet": async ({ log }) => {
    const entries = await appendAll(log, 2);
    const { id } = entries[1] as LogEntry;
    const [, epoch = "", sequence = ""] = /^(.*)-(\d+)$/.exec(id) ?? [];
    for (const step of [1n, 1_000n]) {
      const next = `${epoch}-${BigInt(sequence) + step}`;
      same(await log.after(next, 10), undefined, `after(${quote(next)}), ${step} ahead,`);
    }
  },
  "knows an id until an entry after it is gone": async ({ log }) => {
    const ids = [(await log.append({ data: "0" })).id];
    const [first = ""] = ids;
    const limit = log.maxEntries;
    if (limit === undefined || limit > PATIENCE / 2) return;
    while ((await log.after(first, 1)) !== undefined) {
      if (ids.length > PATIENCE) fail(`the first of ${ids.length} entries is still there`);
      const entries = await appendAll(log, 50);
      ids.push(...idsOf(entries));
    }
    const known: number[] = [];
    for (const [index, id] of ids.entries()) {
      const rest = await log.after(id, PATIENCE);
      if (!rest) continue;
      known.push(index);
      same(idsOf(rest), ids.slice(index + 1), `after(entry ${index} of ${ids.length})`);
    }
    check(known.length >= Math.min(limit, ids.length), `only ${known.length} ids are known`);
    // Of the last one, nothing after it can be gone.
    same(known.at(-1), ids.length - 1, "the last id that is known");
  },
  "tells who follows it every entry once and in order": async ({ log, follow }) => {
    await appendAll(log, 3);
    const told = await follow(log);
    const entries = await appendAll(log, 20);
    same(idsOf(await told.until(20)), inOrder(await after(log, entries), entries), "what was told");
    same(told.gaps, 0, "gaps");
  },
  "tells nothing any more once a listener is disposed of": async ({ log, listen, follow }) => {
    const stays = await follow(log);
    let calls = 0;
    const subscription = await listen(log, { entry: () => void calls++, gap: () => {} });
    await log.append({ data: "1" });
    await stays.until(1);
    subscription[Symbol.dispose]();
    await log.append({ data: "2" });
    await stays.until(2);
    same(calls, 1, "calls of the listener");
  },
  "has a last id before the first entry, from which nothing is lost": async ({ log, follow }) => {
    const told = await follow(log);
    const { lastId } = log;
    check(canReturn(lastId) && lastId !== "", `${quote(lastId)} cannot be a client's id`);
    same(await log.after(lastId, 10), [], "after(lastId) of an empty log");
    const entries = await appendAll(log, 3);
    await told.until(3);
    same(idsOf((await log.after(lastId, 10)) ?? []).sort(), idsOf(entries).sort(), "after(lastId)");
    same(log.lastId, told.entries[2]?.id, "lastId when all were told");
  },
  "says with the last id where a listener begins": async ({ log, follow }) => {
    await appendAll(log, 5);
    const told = await follow(log);
    same(await log.after(log.lastId, 10), [], "after(lastId)");
    const { id } = await log.append({ data: "next" });
    await told.until(1);
    same(idsOf(told.entries), [id], "what was told");
  },
  "tells everybody in the same order, also of what a listener appends": async (bench) => {
    const { log, listen, follow } = bench;
    const before = await follow(log);
    let answer: unknown;
    await listen(log, {
      entry: ({ data }) => {
        if (data === "question") answer = log.append({ data: "answer" });
      },
      gap: () => {},
    });
    const behind = await follow(log);
    await log.append({ data: "question" });
    const expected = ["question", "answer"];
    for (const told of [before, behind]) {
      same(
        (await told.until(2)).map(({ data }) => data),
        expected,
        "what was told",
      );
    }
    await answer;
  },
  "passes transient entries on, and keeps none of them": async ({ log, follow }) => {
    const told = await follow(log);
    const { id } = await log.append({ data: "kept" });
    const passing = await log.append({
      data: "passing",
      event: "typing",
      topic: "t",
      transient: true,
    });
    same(passing.id, "", "the id of a transient entry");
    const last = await log.append({ data: "kept too" });
    const [, second] = await told.until(3);
    same(second && comparable(second), comparable(passing), "what was told");
    same(second?.id, "", "the id that was told");
    same(second?.transient, true, "transient");
    same(idsOf((await log.after(id, 10)) ?? []), [last.id], "after()");
    await log.append({ data: "passing, too", transient: true });
    await told.until(4);
    same(log.lastId, last.id, "lastId after a transient entry");
  },
  "is the same log for every process": async ({ log, openAgain, follow }) => {
    const other = await openAgain();
    const [here, there] = [await follow(log), await follow(other)];
    const { id } = await log.append({ data: "first" });
    await Promise.all([appendAll(log, 20), appendAll(other, 20)]);
    const order = idsOf(await here.until(41));
    same(idsOf(await there.until(41)), order, "what the other process was told");
    for (const each of [log, other]) {
      same(idsOf((await each.after(id, 100)) ?? []), order.slice(1), "what a process knows");
    }
  },
  "passes transient entries on to every process": async ({ log, openAgain, follow }) => {
    const other = await openAgain();
    const there = await follow(other);
    await log.append({ data: "1" });
    await log.append({ data: "2", transient: true });
    await log.append({ data: "3" });
    same(
      (await there.until(3)).map(({ data }) => data),
      ["1", "2", "3"],
      "what was told",
    );
  },
};

/** Those that need a second process. */
export const SHARED: ReadonlySet<string> = new Set([
  "is the same log for every process",
  "passes transient entries on to every process",
]);

function appendAll(log: EventLog, count: number): Promise<LogEntry[]> {
  return Promise.all(Array.from({ length: count }, async (_, i) => log.append({ data: `${i}` })));
}

/** What the log has from the first of these on, by its own order. */
async function after(log: EventLog, entries: readonly LogEntry[]): Promise<Set<string>> {
  const answers = await Promise.all(entries.map(async ({ id }) => log.after(id, PATIENCE)));
  const longest = answers.reduce((a, b) => ((a?.length ?? -1) >= (b?.length ?? -1) ? a : b));
  return new Set(idsOf(longest ?? []));
}

/** The ids of entries by the log's order: the one that nothing comes before, then the others. */
function inOrder(rest: ReadonlySet<string>, entries: readonly LogEntry[]): string[] {
  return [...idsOf(entries).filter((id) => !rest.has(id)), ...rest];
}

function idsOf(entries: readonly LogEntry[]): string[] {
  return entries.map(({ id }) => id);
}

/** What an entry says, however absence is written. */
function comparable({ data, event, retry, topic }: EventMessage): unknown[] {
  return [data, event ?? null, retry ?? null, topic ?? null];
}

function same(actual: unknown, expected: unknown, what: string): void {
  const [got, wanted] = [write(actual), write(expected)];
  check(got === wanted, `${what}: expected ${clip(wanted)}, got ${clip(got)}`);
}

function write(value: unknown): string {
  return value === undefined ? "undefined" : JSON.stringify(value);
}

function clip(text = ""): string {
  return text.length > 500 ? `${text.slice(0, 500)}…` : text;
}

function check(isTrue: boolean, fault: string): void {
  if (!isTrue) fail(fault);
}

export function fail(fault: string): never {
  throw new Error(`The log breaks its contract: ${fault}`);
}

function quote(text: string): string {
  return JSON.stringify(clip(text));
}
