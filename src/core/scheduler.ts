import { shared } from "./shared.ts";

/** Somebody who wants to be called at some time. */
export interface Deadline {
  /** When, in the time of `performance.now()`. */
  readonly dueAt: number;
  /** Called once when it is due; may schedule itself again. */
  onDue(now: number): void;
}

/** Somebody who wants to be called when the current turn of the event loop is over. */
export interface TurnTask {
  onTurnEnd(now: number): void;
}

/** Longest delay that timers take; a longer one would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** Rest between two looks at what is due, so that many endpoints are not looked at for each of them. */
const REST_MS = 10;

/** Node's own, also while a test fakes it: what was sent has to leave. */
const { nextTick } = ((globalThis as { process?: unknown }).process ?? {}) as {
  nextTick?: (this: void, run: () => void) => void;
};

/**
 * One timer and one end-of-turn task for all endpoints of a process, instead of some for each.
 *
 * Endpoints do not come here when they send: one whose keep-alive comes due looks at the time of
 * its last output, and schedules itself again.
 */
export class Scheduler {
  readonly #deadlines = new Set<Deadline>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerDueAt = Infinity;
  #turn: TurnTask[] = [];

  /** Calls `deadline.onDue` at `deadline.dueAt`. */
  schedule(deadline: Deadline): void {
    this.#deadlines.add(deadline);
    this.#arm(deadline.dueAt);
  }

  /** Forgets the deadline, if it is there. */
  cancel(deadline: Deadline): void {
    this.#deadlines.delete(deadline);
    // A timer that finds nothing to do would be harmless, but in the way of a test's fake clock.
    if (this.#deadlines.size === 0) this.#disarm();
  }

  /**
   * Runs the task when the current turn of the event loop is over: after all promise callbacks
   * where the runtime can say when that is, else after those that are queued by now.
   */
  afterTurn(task: TurnTask): void {
    if (this.#turn.push(task) > 1) return;
    const tasks = this.#turn.values();
    const run = () => {
      const now = performance.now();
      try {
        // One may bring others, whose turn is the same.
        for (const each of tasks) each.onTurnEnd(now);
        this.#turn = [];
      } catch (error) {
        // The fault of one: what others have collected has to leave.
        queueMicrotask(run);
        throw error;
      }
    };
    // From within a microtask, Node runs a tick only when there are no microtasks left.
    queueMicrotask(() => (nextTick ? nextTick(run) : run()));
  }

  #arm(dueAt: number): void {
    // A timer that fires too early finds nothing due and is armed again: cheaper than moving it.
    if (dueAt >= this.#timerDueAt) return;
    this.#disarm();
    this.#timerDueAt = dueAt;
    // Rounded up, else the timer may fire in the millisecond before.
    const delayMs = Math.min(Math.ceil(dueAt - performance.now()), MAX_DELAY_MS);
    this.#timer = setTimeout(() => this.#onTimer(), delayMs);
    // A comment to send in the future is no reason to keep the process alive.
    (this.#timer as { unref?(): void }).unref?.();
  }

  #onTimer(): void {
    this.#disarm();
    const now = performance.now();
    let next = Infinity;
    // A copy, because those that are called come back with a new time.
    for (const deadline of [...this.#deadlines]) {
      if (deadline.dueAt > now) next = Math.min(next, deadline.dueAt);
      // Unless the call of another one has cancelled it.
      else if (this.#deadlines.delete(deadline)) deadline.onDue(now);
    }
    this.#arm(Math.max(next, now + REST_MS));
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timerDueAt = Infinity;
  }
}

/**
 * The scheduler of this process. Cloudflare Workers bind timers and streams to the request that
 * made them, so there each endpoint gets its own.
 */
export function findScheduler(): Scheduler {
  const { navigator } = globalThis as { navigator?: { userAgent?: string } };
  if (navigator?.userAgent === "Cloudflare-Workers") return new Scheduler();
  return shared("scheduler", () => new Scheduler());
}
