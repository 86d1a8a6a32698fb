import { describe, expect, it } from "vitest";
import { type EventLog, MemoryEventLog } from "../../src/index.ts";
import { eventLogContract, type EventLogContractOptions } from "../../src/testing/index.ts";
import { BROKEN_LOGS } from "./broken-logs.ts";
import { DistantLog, SimpleLog, type Storage } from "./simple-log.ts";

function storageOf(log: EventLog): Storage {
  if (log instanceof SimpleLog) return log.storage;
  throw new Error("Somebody else's log");
}

/** The contract for logs that share what they keep. */
function contractOf(Log: typeof SimpleLog, timeout?: number) {
  return eventLogContract({
    open: () => new Log(),
    openAgain: (log) => new Log(storageOf(log)),
    timeout,
  });
}

/** The names of the checks that fail, each with what it says. */
async function findFaults(Log: typeof SimpleLog): Promise<Map<string, string>> {
  const faults = new Map<string, string>();
  const checks = contractOf(Log, 20).map(async ({ name, run }) => {
    await run().catch((error: unknown) => faults.set(name, String(error)));
  });
  await Promise.all(checks);
  return faults;
}

describe.each([
  ["in the same process", SimpleLog],
  ["as far away as a database", DistantLog],
])("a log that keeps the contract, %s,", (_, Log) => {
  for (const { name, run } of contractOf(Log)) it(name, run);
});

describe("the contract of logs", () => {
  it.each(BROKEN_LOGS)("finds a log that $fault", async ({ Log, found }) => {
    const faults = await findFaults(Log);
    expect([...faults.keys()]).toEqual(expect.arrayContaining([...found]));
    expect(faults.size).toBeGreaterThan(0);
    for (const text of faults.values()) expect(text.length).toBeGreaterThan(10);
  });

  it("has no check that none of these logs fails", () => {
    const names = contractOf(SimpleLog).map(({ name }) => name);
    const needed = new Set(BROKEN_LOGS.flatMap(({ found }) => found));
    expect([...needed].toSorted()).toEqual(names.toSorted());
  });

  it("says what is wrong, in terms of the log", async () => {
    const { Log } = BROKEN_LOGS.find(({ fault }) => fault === "jumps over an entry in after()")!;
    const faults = await findFaults(Log);
    expect(faults.get("answers after() with what came after, oldest first")).toMatch(
      /^Error: The log breaks its contract: after\(entry 0\): expected \["[^"]+-2",.*\], got \["[^"]+-3"/,
    );
    const deaf = BROKEN_LOGS.find(({ fault }) => fault.startsWith("tells nothing of what"))!;
    expect(
      (await findFaults(deaf.Log)).get("tells who follows it every entry once and in order"),
    ).toBe("Error: The log told a listener 0 entries of 20");
  });

  it("leaves out what takes a second process for a log that only one can have", () => {
    const alone = eventLogContract({ open: () => new MemoryEventLog() }).map(({ name }) => name);
    const shared = contractOf(SimpleLog).map(({ name }) => name);
    expect(shared.filter((name) => !alone.includes(name))).toEqual([
      "is the same log for every process",
      "passes transient entries on to every process",
    ]);
  });

  it("opens a log for each check, and releases every log, also when a check fails", async () => {
    const opened: SimpleLog[] = [];
    const closed: EventLog[] = [];
    const { Log } = BROKEN_LOGS.find(({ fault }) => fault === "tells entries twice")!;
    const keep = (log: SimpleLog) => {
      opened.push(log);
      return log;
    };
    const options: EventLogContractOptions = {
      open: async () => keep(new Log()),
      openAgain: async (log) => keep(new Log(storageOf(log))),
      close: async (log) => closed.push(log),
      timeout: 20,
    };
    const checks = eventLogContract(options);
    const results = await Promise.allSettled(checks.map(({ run }) => run()));
    expect(results.filter(({ status }) => status === "rejected").length).toBeGreaterThan(2);
    expect(opened).toHaveLength(checks.length + 2);
    expect(new Set(closed)).toEqual(new Set(opened));
    expect(closed).toHaveLength(opened.length);
    for (const log of opened) expect(log.listeners.size).toBe(0);
  });

  it("fails with the error of a log that cannot be opened", async () => {
    const open = () => Promise.reject(new Error("no connection"));
    for (const { run } of eventLogContract({ open })) {
      await expect(run()).rejects.toThrow("no connection");
    }
  });
});
