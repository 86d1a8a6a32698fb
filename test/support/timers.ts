/** The timers that are still to fire, of everybody but Node. */
export interface TimerWatch {
  /** Each with the place that made it. */
  readonly pending: ReadonlyMap<unknown, string>;
  /** Gives the functions back to who had them before. */
  stop(): void;
}

/** How many lines tell where a timer was made. */
const LINES = 4;

/**
 * Watches the global functions, because timers that hold nothing open are in no list of Node. One
 * that is cleared in another way, by its number or `close()`, is taken for pending.
 */
export function watchTimers(): TimerWatch {
  const pending = new Map<unknown, string>();
  const { setTimeout, setInterval, clearTimeout, clearInterval } = globalThis;

  const watched = (make: typeof setTimeout | typeof setInterval, isOnce: boolean) =>
    ((run: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
      const call = () => {
        if (isOnce) pending.delete(timer);
        run(...args);
      };
      const timer = make(call, ms);
      pending.set(timer, whereFrom());
      return timer;
    }) as typeof setTimeout & typeof setInterval;
  globalThis.setTimeout = watched(setTimeout, true);
  globalThis.setInterval = watched(setInterval, false);
  globalThis.clearTimeout = globalThis.clearInterval = (timer) => {
    pending.delete(timer);
    clearTimeout(timer);
  };
  return {
    pending,
    stop: () => Object.assign(globalThis, { setTimeout, setInterval, clearTimeout, clearInterval }),
  };
}

/** The callers of the function that was called for a timer. */
function whereFrom(): string {
  const lines = new Error().stack!.split("\n").slice(3, 3 + LINES);
  return lines.map((line) => line.trim()).join(" ");
}
