/** What went wrong in this process where nobody caught it: each of it would have ended the process. */
export interface ProcessWatch {
  readonly uncaught: unknown[];
  readonly rejections: unknown[];
  readonly warnings: Error[];
  /** How many times the process would have ended. */
  readonly crashes: number;
  /** Forgets the crashes. */
  clear(): void;
  /** Gives the process back to who watched it before. */
  stop(): void;
}

/** Watches the process instead of the test runner, which takes everything for a failure. */
export function watchProcess(): ProcessWatch {
  const uncaught: unknown[] = [];
  const rejections: unknown[] = [];
  const warnings: Error[] = [];
  const restore = [
    listenInstead("uncaughtException", (error) => uncaught.push(error)),
    listenInstead("unhandledRejection", (reason) => rejections.push(reason)),
    listenInstead("warning", (warning) => warnings.push(warning as Error)),
  ];
  return {
    uncaught,
    rejections,
    warnings,
    get crashes() {
      return uncaught.length + rejections.length;
    },
    clear() {
      for (const list of [uncaught, rejections]) list.length = 0;
    },
    stop() {
      for (const each of restore) each();
    },
  };
}

/** Lets what was begun come to an end: promise callbacks, ticks, and what the system has to say. */
export async function settle(turns = 5): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}

function listenInstead(
  event: "uncaughtException" | "unhandledRejection" | "warning",
  listener: (value: unknown) => void,
): () => void {
  const process_ = process as NodeJS.EventEmitter;
  const before = process_.listeners(event) as (() => void)[];
  process_.removeAllListeners(event);
  process_.on(event, listener);
  return () => {
    process_.off(event, listener);
    for (const each of before) process_.on(event, each);
  };
}
