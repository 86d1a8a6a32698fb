import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { type Deadline, findScheduler, Scheduler } from "../../src/core/scheduler.ts";
import { settle, watchProcess } from "../support/process-watch.ts";

describe("deadlines", () => {
  let scheduler: Scheduler;
  let calls: string[];
  beforeEach(() => {
    vi.useFakeTimers();
    scheduler = new Scheduler();
    calls = [];
  });
  afterEach(() => void vi.useRealTimers());

  const deadline = (name: string, inMs: number): Deadline => ({
    dueAt: performance.now() + inMs,
    onDue: () => calls.push(name),
  });
  const schedule = (name: string, inMs: number) => {
    const entry = deadline(name, inMs);
    scheduler.schedule(entry);
    return entry;
  };

  it("are called when they are due, and not before", () => {
    schedule("a", 1000);
    vi.advanceTimersByTime(999);
    expect(calls).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(calls).toEqual(["a"]);
  });

  it("are called in order, whatever the order they came in", () => {
    for (const [name, inMs] of Object.entries({ c: 3000, a: 1000, d: 4000, b: 2000 })) {
      schedule(name, inMs);
    }
    vi.advanceTimersByTime(4000);
    expect(calls).toEqual(["a", "b", "c", "d"]);
  });

  it("are called once", () => {
    schedule("a", 10);
    vi.advanceTimersByTime(100_000);
    expect(calls).toEqual(["a"]);
  });

  it("may come back from their own call", () => {
    const again = {
      dueAt: performance.now() + 1000,
      onDue(now: number) {
        calls.push(`${now}`);
        this.dueAt = now + 1000;
        scheduler.schedule(this);
      },
    };
    const start = performance.now();
    scheduler.schedule(again);
    vi.advanceTimersByTime(3000);
    expect(calls.map((now) => Number(now) - start)).toEqual([1000, 2000, 3000]);
  });

  it("are forgotten when cancelled, also by the call of another one", () => {
    const b = schedule("b", 1001);
    const a = { dueAt: performance.now() + 1000, onDue: () => scheduler.cancel(b) };
    scheduler.schedule(a);
    scheduler.cancel(schedule("c", 500));
    vi.advanceTimersByTime(5000);
    expect(calls).toEqual([]);
  });

  it("need one timer for any number of them, and none when there are none", () => {
    const entries = Array.from({ length: 1000 }, (_, i) => schedule(`${i}`, 15_000 + i));
    expect(vi.getTimerCount()).toBe(1);
    for (const entry of entries) scheduler.cancel(entry);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("are late by no more than 10 ms when many are due at about the same time", () => {
    const late: number[] = [];
    const start = performance.now();
    for (let i = 0; i < 100; i++) {
      scheduler.schedule({
        dueAt: start + 1000 + i,
        onDue: (now) => late.push(now - start - 1000 - i),
      });
    }
    vi.advanceTimersByTime(2000);
    expect(late).toHaveLength(100);
    expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...late)).toBeLessThanOrEqual(10);
  });

  it("may be further away than a timer can be", () => {
    schedule("far", 2 ** 31 + 1000);
    vi.advanceTimersByTime(2 ** 31);
    expect(calls).toEqual([]);
    vi.advanceTimersByTime(1000);
    expect(calls).toEqual(["far"]);
  });

  it("do not hear of clocks that jump", () => {
    schedule("a", 1000);
    vi.setSystemTime(Date.now() + 10 * 365 * 86_400_000);
    vi.advanceTimersByTime(999);
    expect(calls).toEqual([]);
    vi.setSystemTime(0);
    vi.advanceTimersByTime(1);
    expect(calls).toEqual(["a"]);
  });
});

describe("afterTurn", () => {
  it("runs after the promise callbacks of the turn, also those that come up meanwhile", async () => {
    const scheduler = new Scheduler();
    const calls: string[] = [];
    await new Promise<void>((resolve) => {
      scheduler.afterTurn({ onTurnEnd: () => (calls.push("after"), resolve()) });
      calls.push("now");
      void (async () => {
        for (let i = 0; i < 20; i++) await Promise.resolve();
        calls.push("promises");
      })();
    });
    expect(calls).toEqual(["now", "promises", "after"]);
  });

  it("runs all, also behind one that throws, whose fault nobody hides", async () => {
    const watch = watchProcess();
    onTestFinished(() => watch.stop());
    const scheduler = new Scheduler();
    const calls: number[] = [];
    const add = (onTurnEnd: () => void) => scheduler.afterTurn({ onTurnEnd });
    add(() => {
      add(() => calls.push(2));
      throw new Error("from a task");
    });
    add(() => calls.push(1));
    await settle();
    add(() => calls.push(3));
    await settle();
    expect(calls).toEqual([1, 2, 3]);
    expect(watch.uncaught).toMatchObject([{ message: "from a task" }]);
  });

  it("runs what is asked for meanwhile in the same turn", async () => {
    const scheduler = new Scheduler();
    const calls: string[] = [];
    await new Promise<void>((resolve) => {
      scheduler.afterTurn({
        onTurnEnd: () => {
          scheduler.afterTurn({ onTurnEnd: () => (calls.push("meanwhile"), resolve()) });
          void Promise.resolve().then(() => calls.push("promise"));
          calls.push("first");
        },
      });
    });
    await Promise.resolve();
    expect(calls).toEqual(["first", "meanwhile", "promise"]);
  });
});

describe("findScheduler", () => {
  afterEach(() => void vi.unstubAllGlobals());

  it("finds one scheduler for the process, also from another copy of the code", async () => {
    const scheduler = findScheduler();
    expect(findScheduler()).toBe(scheduler);
    vi.resetModules();
    const copy = await import("../../src/core/scheduler.ts");
    expect(copy.findScheduler()).toBe(scheduler);
  });

  it("makes one for each endpoint on Cloudflare Workers, where timers belong to a request", () => {
    vi.stubGlobal("navigator", { userAgent: "Cloudflare-Workers" });
    expect(findScheduler()).not.toBe(findScheduler());
  });
});
