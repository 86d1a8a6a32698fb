import type { EventLog, EventLogListener, EventMessage, LogEntry } from "../../src/index.ts";

/** What the processes that have the same log share. */
export class Storage {
  readonly epoch = Math.random().toString(36).slice(2);
  readonly entries: LogEntry[] = [];
  /** The logs of all processes that look at it. */
  readonly logs: SimpleLog[] = [];
  evicted = 0;
}

/**
 * The shortest log that keeps the contract, with everything that can go wrong in a method of its
 * own: tests break one at a time.
 */
export class SimpleLog implements EventLog {
  readonly maxEntries: number | undefined = 100;
  lastId: string;
  readonly storage: Storage;
  readonly listeners = new Set<EventLogListener>();
  readonly untold: LogEntry[] = [];
  #isTelling = false;

  constructor(storage = new Storage()) {
    this.storage = storage;
    this.lastId = this.idOf(storage.entries.length);
    storage.logs.push(this);
  }

  append(message: EventMessage): LogEntry | Promise<LogEntry> {
    const { entries, logs } = this.storage;
    const entry = { ...message, id: this.nextId(message) };
    if (this.isKept(entry)) {
      entries.push(entry);
      this.evict();
    }
    for (const log of logs) log.tell(entry);
    return entry;
  }

  after(id: string, limit: number): LogEntry[] | undefined | Promise<LogEntry[] | undefined> {
    const { entries, evicted } = this.storage;
    const sequence = this.readSequence(id);
    if (sequence === undefined || sequence < evicted || sequence > entries.length) return undefined;
    return this.entriesAfter(sequence, limit);
  }

  follow(listener: EventLogListener): Disposable | Promise<Disposable> {
    this.listeners.add(listener);
    return { [Symbol.dispose]: () => this.unfollow(listener) };
  }

  idOf(sequence: number): string {
    return `${this.storage.epoch}-${sequence}`;
  }

  nextId({ transient }: EventMessage): string {
    return transient ? "" : this.idOf(this.storage.entries.length + 1);
  }

  isKept({ transient }: EventMessage): boolean {
    return !transient;
  }

  evict(): void {
    const { storage, maxEntries = Infinity } = this;
    storage.evicted = Math.max(0, storage.entries.length - maxEntries);
  }

  readSequence(id: string): number | undefined {
    const sequence = Number(id.split("-")[1]);
    return Number.isInteger(sequence) && id === this.idOf(sequence) ? sequence : undefined;
  }

  entriesAfter(sequence: number, limit: number): LogEntry[] {
    return this.storage.entries.slice(sequence, sequence + limit);
  }

  /** Tells an entry when those before it are told. */
  tell(entry: LogEntry): void {
    this.untold.push(entry);
    if (this.#isTelling) return;
    this.#isTelling = true;
    for (let next = this.untold.shift(); next; next = this.untold.shift()) this.tellNow(next);
    this.#isTelling = false;
  }

  tellNow(entry: LogEntry): void {
    this.lastId = entry.id || this.lastId;
    for (const listener of [...this.listeners]) {
      if (this.listeners.has(listener)) listener.entry(entry);
    }
  }

  unfollow(listener: EventLogListener): void {
    this.listeners.delete(listener);
  }
}

/** The same, as far away as a database. */
export class DistantLog extends SimpleLog {
  override async append(message: EventMessage): Promise<LogEntry> {
    await Promise.resolve();
    return super.append(message);
  }

  override async after(id: string, limit: number): Promise<LogEntry[] | undefined> {
    await Promise.resolve();
    return super.after(id, limit);
  }

  override async follow(listener: EventLogListener): Promise<Disposable> {
    await Promise.resolve();
    return super.follow(listener);
  }
}
