import type { EventLog } from "../channel/event-log.ts";
import { isObjectWith } from "../core/events.ts";
import { type Bench, CHECKS, fail, SHARED } from "./event-log-checks.ts";
import { Told } from "./told.ts";

/** One thing that an implementation must do, for a test runner. */
export interface ContractCheck {
  /** A sentence about it. */
  readonly name: string;
  /** Rejects with an `Error` that says what is wrong. */
  run(this: void): Promise<void>;
}

/** What the checks need of the implementation. */
export interface EventLogContractOptions {
  /**
   * Opens a log that nobody has used yet, and that keeps a hundred entries or more. Called once for
   * each check.
   */
  open(this: void): EventLog | Promise<EventLog>;
  /**
   * Opens the same log once more, as another process would. Leave it out for a log that only one
   * process can have.
   */
  openAgain?: ((this: void, log: EventLog) => EventLog | Promise<EventLog>) | undefined;
  /** Releases a log. Called once for each that was opened. */
  close?: ((this: void, log: EventLog) => unknown) | undefined;
  /** Milliseconds to wait for what a log is to tell. Defaults to 5 000. */
  timeout?: number | undefined;
}

/**
 * Everything that an `EventLog` has to do, as checks for any test runner.
 *
 * @example
 * ```ts
 * for (const { name, run } of eventLogContract({ open: () => new MyLog() })) test(name, run);
 * ```
 */
export function eventLogContract(options: EventLogContractOptions): ContractCheck[] {
  const { open, openAgain, close, timeout = 5_000 } = options;
  const names = Object.keys(CHECKS).filter((name) => openAgain || !SHARED.has(name));
  return names.map((name) => ({
    name,
    run: async () => {
      const log = await open();
      const logs = [log];
      const subscriptions = new Set<Disposable>();
      const listen: Bench["listen"] = async (followed, listener) => {
        const subscription: unknown = await followed.follow(listener);
        if (!isObjectWith(subscription, Symbol.dispose)) fail("follow() answers no Disposable");
        const once = {
          [Symbol.dispose]() {
            if (subscriptions.delete(once)) (subscription as Disposable)[Symbol.dispose]();
          },
        };
        subscriptions.add(once);
        return once;
      };
      const bench: Bench = {
        log,
        openAgain: async () => {
          const again = await openAgain?.(log);
          if (!again) throw new Error("openAgain() gave no log");
          logs.push(again);
          return again;
        },
        listen,
        follow: async (followed) => {
          const told = new Told(timeout);
          await listen(followed, told);
          return told;
        },
      };
      try {
        await CHECKS[name]?.(bench);
      } finally {
        for (const each of subscriptions) each[Symbol.dispose]();
        for (const each of logs) await close?.(each);
      }
    },
  }));
}
