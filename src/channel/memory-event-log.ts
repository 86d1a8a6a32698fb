import { encodeText, invalid } from "../core/frame.ts";
import type { EventLog, EventLogListener, EventMessage, LogEntry } from "./event-log.ts";
import { Followers } from "./followers.ts";

/** How much a {@link MemoryEventLog} keeps; the oldest entries go first. `Infinity` is no limit. */
export interface MemoryEventLogOptions {
  /** Entries. Defaults to 1 000. */
  maxEntries?: number | undefined;
  /** Milliseconds that an entry is kept. Defaults to 300 000, five minutes. */
  maxAge?: number | undefined;
  /** Bytes of data, as UTF-8, of all entries together. Defaults to 16 MiB. */
  maxBytes?: number | undefined;
}

/** An entry, what it weighs and when it came. */
interface Kept {
  readonly entry: LogEntry;
  readonly bytes: number;
  readonly at: number;
}

/**
 * The log of one process: what a channel keeps unless it is told otherwise. It is as lasting as
 * the process; the next one begins another epoch, and clients of this one are told so.
 */
export class MemoryEventLog implements EventLog {
  readonly maxEntries: number;
  readonly maxAge: number;
  readonly maxBytes: number;
  /** By their sequence, oldest first. */
  readonly #kept = new Map<number, Kept>();
  readonly #followers = new Followers<LogEntry>();
  #bytes = 0;
  #lastSequence = 0;
  #epoch = "";

  /** @throws TypeError if an option is not a number, or is negative */
  constructor({
    maxEntries = 1_000,
    maxAge = 300_000,
    maxBytes = 16_777_216,
  }: MemoryEventLogOptions = {}) {
    for (const [name, value] of Object.entries({ maxEntries, maxAge, maxBytes })) {
      if (typeof value !== "number" || !(value >= 0))
        throw invalid(name, "must be a number that is not negative", value);
    }
    this.maxEntries = maxEntries;
    this.maxAge = maxAge;
    this.maxBytes = maxBytes;
  }

  get lastId(): string {
    return this.#idOf(this.#lastSequence);
  }

  append(message: EventMessage): LogEntry {
    const id = message.transient ? "" : this.#idOf(++this.#lastSequence);
    // The same object goes to everybody who looks at entries.
    const entry = Object.freeze({ ...message, id });
    if (id) {
      const bytes = encodeText(entry.data).length;
      this.#kept.set(this.#lastSequence, { entry, bytes, at: performance.now() });
      this.#bytes += bytes;
      this.#evict();
    }
    this.#followers.tell(entry);
    return entry;
  }

  after(id: string, limit: number): LogEntry[] | undefined {
    this.#evict();
    const [, text = ""] = id.split("-");
    const sequence = Number(text);
    // Only an id as it was given counts: no other way to write its number, no other log's.
    const isOurs = Number.isInteger(sequence) && id === this.#idOf(sequence);
    if (!isOurs || sequence > this.#lastSequence) return undefined;
    const entries: LogEntry[] = [];
    const end = Math.min(this.#lastSequence, sequence + limit);
    for (let next = sequence + 1; next <= end; next++) {
      const kept = this.#kept.get(next);
      if (!kept) return undefined;
      entries.push(kept.entry);
    }
    return entries;
  }

  follow(listener: EventLogListener): Disposable {
    return this.#followers.add(listener);
  }

  #evict(): void {
    const eldest = performance.now() - this.maxAge;
    for (const [sequence, { bytes, at }] of this.#kept) {
      const fits = this.#kept.size <= this.maxEntries && this.#bytes <= this.maxBytes;
      if (fits && at >= eldest) break;
      this.#kept.delete(sequence);
      this.#bytes -= bytes;
    }
  }

  #idOf(sequence: number): string {
    // Made on first use: some runtimes have no random numbers before the first request.
    this.#epoch ||= createEpoch();
    return `${this.#epoch}-${sequence}`;
  }
}

/** 96 random bits, so that no two logs take each other's ids for their own. */
function createEpoch(): string {
  const parts = [...crypto.getRandomValues(new Uint32Array(3))];
  return parts.map((part) => part.toString(36).padStart(7, "0")).join("");
}
