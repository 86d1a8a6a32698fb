import type { EventLogListener, LogEntry } from "./event-log.ts";

/** Those who follow a log in this process. Each is told every entry in order, and one at a time. */
export class Followers {
  readonly #listeners = new Set<EventLogListener>();
  readonly #untold: { entry: LogEntry; listeners: readonly EventLogListener[] }[] = [];

  /** Adds one, who is told what comes from now on. */
  add(listener: EventLogListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Tells everybody. From within a listener, it is told when all have heard what comes before. */
  tell(entry: LogEntry): void {
    if (this.#untold.push({ entry, listeners: [...this.#listeners] }) > 1) return;
    for (const { entry: next, listeners } of this.#untold) {
      for (const listener of listeners) this.#call(listener, next);
    }
    this.#untold.length = 0;
  }

  #call(listener: EventLogListener, entry: LogEntry): void {
    if (!this.#listeners.has(listener)) return;
    try {
      listener.entry(entry);
    } catch (error) {
      // As on any EventTarget: it is a fault of the listener, and nobody else's.
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
