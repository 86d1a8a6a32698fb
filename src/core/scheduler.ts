import { shared } from "./shared.ts";

/** Somebody who wants to be called at some time. Held by the scheduler until called or cancelled. */
export interface Deadline {
  /** When, in the time of `performance.now()`. */
  dueAt: number;
  /** The place in the scheduler's heap; -1 outside. Belongs to the scheduler. */
  heapIndex: number;
  /** Called once when it is due. May set `dueAt` and schedule itself again. */
  onDue(now: number): void;
}

/** Somebody who wants to be called when the current turn of the event loop is over. */
export interface TurnTask {
  onTurnEnd(): void;
}

/** Longest delay that timers take; a longer one would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * One timer and one end-of-turn task for all endpoints of a process, instead of some for each.
 *
 * Deadlines are kept in a binary heap. Endpoints do not touch it when they send: a keep-alive that
 * comes due looks at the time of the last output and schedules itself again.
 */
export class Scheduler {
  readonly #heap: Deadline[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerDueAt = Infinity;
  #turn: TurnTask[] = [];

  /** Calls `deadline.onDue` at `deadline.dueAt`. Replaces the time if it is scheduled already. */
  schedule(deadline: Deadline): void {
    if (deadline.heapIndex < 0) this.#place(deadline, this.#heap.push(deadline) - 1);
    this.#sink(this.#rise(deadline.heapIndex));
    this.#arm();
  }

  /** Forgets the deadline, if it is there. */
  cancel(deadline: Deadline): void {
    this.#remove(deadline);
    // An armed timer would do no harm, but it would be in the way of a test's fake clock.
    if (this.#heap.length === 0) this.#disarm();
  }

  /**
   * Runs the task when the current turn of the event loop is over: after all promise callbacks
   * where the runtime can say when that is, else after those that are queued by now.
   */
  afterTurn(task: TurnTask): void {
    if (this.#turn.push(task) > 1) return;
    const { process } = globalThis as { process?: { nextTick?(run: () => void): void } };
    const run = () => {
      const tasks = this.#turn;
      this.#turn = [];
      for (const each of tasks) each.onTurnEnd();
    };
    // From within a microtask, Node runs a tick only when there are no microtasks left.
    queueMicrotask(() => (process?.nextTick ? process.nextTick(run) : run()));
  }

  #onTimer(): void {
    this.#disarm();
    const now = performance.now();
    for (let first = this.#heap[0]; first && first.dueAt <= now; first = this.#heap[0]) {
      this.#remove(first);
      first.onDue(now);
    }
    this.#arm();
  }

  #arm(): void {
    const dueAt = this.#heap[0]?.dueAt ?? Infinity;
    // A timer that fires too early finds nothing due and is armed again: cheaper than moving it.
    if (dueAt >= this.#timerDueAt) return;
    this.#disarm();
    this.#timerDueAt = dueAt;
    // Rounded up, else the timer may fire in the millisecond before.
    const delayMs = Math.min(Math.max(Math.ceil(dueAt - performance.now()), 0), MAX_DELAY_MS);
    this.#timer = setTimeout(() => this.#onTimer(), delayMs);
    // A comment to send in the future is no reason to keep the process alive.
    (this.#timer as { unref?(): void }).unref?.();
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerDueAt = Infinity;
  }

  #place(deadline: Deadline, index: number): void {
    this.#heap[index] = deadline;
    deadline.heapIndex = index;
  }

  #remove(deadline: Deadline): void {
    const index = deadline.heapIndex;
    if (index < 0) return;
    deadline.heapIndex = -1;
    const last = this.#heap.pop() as Deadline;
    if (last === deadline) return;
    this.#place(last, index);
    this.#sink(this.#rise(index));
  }

  /** Moves an entry up while it is due before its parent; answers with its new place. */
  #rise(index: number): number {
    const deadline = this.#heap[index] as Deadline;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#heap[parentIndex] as Deadline;
      if (parent.dueAt <= deadline.dueAt) break;
      this.#place(parent, index);
      index = parentIndex;
    }
    this.#place(deadline, index);
    return index;
  }

  /** Moves an entry down while a child is due before it. */
  #sink(index: number): void {
    const heap = this.#heap;
    const deadline = heap[index] as Deadline;
    for (;;) {
      let childIndex = 2 * index + 1;
      const right = heap[childIndex + 1];
      if (right && right.dueAt < (heap[childIndex] as Deadline).dueAt) childIndex++;
      const child = heap[childIndex];
      if (!child || child.dueAt >= deadline.dueAt) break;
      this.#place(child, index);
      index = childIndex;
    }
    this.#place(deadline, index);
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
