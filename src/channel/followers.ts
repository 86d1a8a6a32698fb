/** Is told of what happens in a log; see `EventLogListener`. */
export interface EntryListener<Entry> {
  entry(entry: Entry): void;
  gap(): void;
}

/** Those who follow a log in this process. Each is told every entry in order, and one at a time. */
export class Followers<Entry> {
  readonly #listeners = new Set<EntryListener<Entry>>();
  readonly #untold: { entry: Entry; listeners: readonly EntryListener<Entry>[] }[] = [];

  get size(): number {
    return this.#listeners.size;
  }

  /** Adds one, who is told what comes from now on. */
  add(listener: EntryListener<Entry>): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Tells everybody. From within a listener, it is told when all have heard what comes before. */
  tell(entry: Entry): void {
    if (this.#untold.push({ entry, listeners: [...this.#listeners] }) > 1) return;
    for (const { entry: next, listeners } of this.#untold) {
      for (const listener of listeners) {
        if (this.#listeners.has(listener)) attempt(() => listener.entry(next));
      }
    }
    this.#untold.length = 0;
  }

  /** Tells everybody that entries were lost. */
  gap(): void {
    for (const listener of [...this.#listeners]) attempt(() => listener.gap());
  }
}

/** As on any EventTarget, a listener that throws is the fault of its author and of nobody else. */
function attempt(call: () => void): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
