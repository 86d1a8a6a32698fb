/** The timers that are still to fire, of everybody but Node. */
export interface TimerWatch {
  /** How many there are. */
  readonly size: number;
  /** The places that made them. */
  places(): string[];
  /** Gives the functions back to who had them before. */
  stop(): void;
}

/** Made at little cost; it is reading it that takes long. */
interface Trace {
  readonly stack?: string;
}

/** How many lines tell where a timer was made. */
const LINES = 4;

/**
 * Watches the global functions, because timers that hold nothing open are in no list of Node. One
 * that is cleared in another way, by its number or `close()`, is taken for pending.
 */
export function watchTimers(): TimerWatch {
  const pending = new Map<unknown, Trace>();
  const { setTimeout, setInterval, clearTimeout, clearInterval } = globalThis;

  const watched = (make: typeof setTimeout | typeof setInterval, isOnce: boolean) => {
    const makeWatched = (run: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
      const call = () => {
        if (isOnce) pending.delete(timer);
        run(...args);
      };
      const timer = make(call, ms);
      pending.set(timer, captureCallers(makeWatched));
      return timer;
    };
    return makeWatched as typeof setTimeout & typeof setInterval;
  };
  globalThis.setTimeout = watched(setTimeout, true);
  globalThis.setInterval = watched(setInterval, false);
  globalThis.clearTimeout = globalThis.clearInterval = (timer) => {
    pending.delete(timer);
    clearTimeout(timer);
  };
  return {
    get size() {
      return pending.size;
    },
    places: () => [...pending.values()].map(readCallers),
    stop: () => Object.assign(globalThis, { setTimeout, setInterval, clearTimeout, clearInterval }),
  };
}

function captureCallers(of: (...args: never[]) => unknown): Trace {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = LINES;
  const trace: Trace = {};
  Error.captureStackTrace(trace, of);
  Error.stackTraceLimit = stackTraceLimit;
  return trace;
}

function readCallers({ stack = "" }: Trace): string {
  const [, ...lines] = stack.split("\n");
  return lines.map((line) => line.trim()).join(" ");
}
