import v8 from "node:v8";
import vm from "node:vm";
import { Delivery } from "../../src/core/delivery.ts";
import { watchTimers } from "./timers.ts";

/** How many there are of each. */
type Counts = Readonly<Record<string, number>>;

/** What there was before a test file, to be compared with what there is after it. */
export interface LeftoverWatch {
  /** Waits until nothing is left, but not for ever; says everything that is. */
  find(deadlineMs: number): Promise<string[]>;
  stop(): void;
}

/** The clock that undici has for all of its connections: it stops by itself when none is left. */
const UNDICI_CLOCK = /^at refreshTimeout \(\S*undici/;

/** The deliveries that are there. To search the heap for them would take longer. */
let started: WeakRef<Delivery>[] = [];
const start = Object.getOwnPropertyDescriptor(Delivery.prototype, "start")!
  .value as Delivery["start"];
Delivery.prototype.start = function (head) {
  started.push(new WeakRef(this));
  start.call(this, head);
};

/** Not the one of a test's fake clock, nor one that is watched. */
const { setTimeout: later } = globalThis;

/** Looks for endpoints, timers, listeners of the process, and whatever keeps the process running. */
export function watchLeftovers(): LeftoverWatch {
  v8.setFlagsFromString("--expose-gc");
  const collectGarbage = vm.runInNewContext("gc") as () => void;
  const timers = watchTimers();
  const before = countHandles();

  const findNow = (): string[] => {
    const left = timers
      .places()
      .filter((place) => !UNDICI_CLOCK.test(place))
      .map((place) => `a timer, made ${place}`);
    for (const [name, count] of Object.entries(countHandles())) {
      const more = count - (before[name] ?? 0);
      if (more > 0) left.push(`${more} ${name}`);
    }
    const endpoints = countEndpoints();
    if (endpoints > 0) left.push(`${endpoints} EventEndpoint`);
    return left;
  };

  return {
    async find(deadlineMs) {
      const endAt = performance.now() + deadlineMs;
      let left = findNow();
      // Each look takes longer than most tests: the longer it waits, the less often it looks.
      for (let restMs = 20; left.length > 0 && performance.now() < endAt; restMs *= 1.5) {
        // Not in the turn that has looked at them: that keeps them.
        await new Promise((resolve) => later(resolve, restMs));
        // Endpoints are there until they are collected, and some handles until their owner is.
        collectGarbage();
        left = findNow();
      }
      return left;
    },
    stop: () => timers.stop(),
  };
}

/** Sockets, servers, processes and what else keeps this one running; the listeners of this one. */
function countHandles(): Counts {
  const counts: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1;
  for (const event of process.eventNames()) {
    counts[`process.on(${String(event)})`] = process.listenerCount(event);
  }
  return counts;
}

/** How many endpoints somebody holds. Each, of whatever class, has one delivery. */
function countEndpoints(): number {
  started = started.filter((delivery) => delivery.deref() !== undefined);
  return started.length;
}
