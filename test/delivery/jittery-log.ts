import {
  type EventLog,
  type EventLogListener,
  type EventMessage,
  type LogEntry,
  MemoryEventLog,
  type MemoryEventLogOptions,
} from "../../src/index.ts";
import { seed } from "../support/seed.ts";

/** Numbers from 0 to below 1, the same ones for the same seed. */
export function createRandom(from = seed): () => number {
  let state = from | 0;
  return () => {
    // mulberry32
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A log on another machine: whatever it says arrives some turns of the event loop later. */
export class JitteryLog implements EventLog {
  lastId = "";
  readonly #kept: MemoryEventLog;
  readonly #random = createRandom();
  #listener: EventLogListener | undefined;
  /** Entries are told one after the other. */
  #told: Promise<void> = Promise.resolve();

  constructor(options?: MemoryEventLogOptions) {
    this.#kept = new MemoryEventLog(options);
  }

  async append(message: EventMessage): Promise<LogEntry> {
    const entry = this.#kept.append(message);
    // Who begins to follow later begins after it.
    const listener = this.#listener;
    this.#told = this.#told.then(async () => {
      await this.#delay();
      if (!listener) return;
      this.lastId = entry.id;
      listener.entry(entry);
    });
    await this.#delay();
    return entry;
  }

  async after(id: string, limit: number): Promise<LogEntry[] | undefined> {
    await this.#delay();
    const entries = this.#kept.after(id, limit);
    await this.#delay();
    return entries;
  }

  async follow(listener: EventLogListener): Promise<Disposable> {
    await this.#delay();
    this.lastId = this.#kept.lastId;
    this.#listener = listener;
    return { [Symbol.dispose]: () => void (this.#listener = undefined) };
  }

  async #delay(): Promise<void> {
    for (let turns = Math.floor(this.#random() * 4); turns > 0; turns--) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
