import {
  type EventLog,
  type EventLogListener,
  type EventMessage,
  type LogEntry,
  MemoryEventLog,
  type MemoryEventLogOptions,
} from "../../src/index.ts";

/** A question that the log was asked and has not answered. */
export interface Question {
  readonly id: string;
  readonly limit: number;
  readonly resolve: (entries: readonly LogEntry[] | undefined) => void;
  readonly reject: (error: Error) => void;
  /** What the log had when it looked. */
  found?: { readonly entries: LogEntry[] | undefined };
}

export interface ControlledLogOptions extends MemoryEventLogOptions {
  /** Whether it cannot be followed at once. */
  isFar?: boolean | undefined;
  /** Whether it looks for entries in a copy of itself, which lags behind. */
  hasCopy?: boolean | undefined;
}

/**
 * A log somewhere else, as slow as a test wants it: it keeps an entry at once, but followers hear
 * of it when the test says so; it looks for entries some time after it was asked, and its answer
 * arrives some time after that.
 */
export class ControlledLog implements EventLog {
  lastId = "";
  /** Kept, and not told yet. */
  readonly untold: LogEntry[] = [];
  readonly questions: Question[] = [];
  /** Lets `follow()` succeed, if it waits for that. */
  begin: (() => void) | undefined;
  /** Kept, and not in the copy yet. */
  uncopied = 0;
  readonly maxEntries: number | undefined;
  readonly #kept: MemoryEventLog;
  readonly #options: ControlledLogOptions;
  #listener: EventLogListener | undefined;

  constructor(options: ControlledLogOptions = {}) {
    this.maxEntries = options.maxEntries;
    this.#kept = new MemoryEventLog(options);
    this.#options = options;
  }

  /** Where the log is, whoever knows of it. */
  get head(): string {
    return this.#kept.lastId;
  }

  append(message: EventMessage): LogEntry {
    const entry = this.#kept.append(message);
    if (this.#options.hasCopy) this.uncopied++;
    // Who begins to follow later begins after it.
    if (this.#listener) this.untold.push(entry);
    return entry;
  }

  after(id: string, limit: number): Promise<readonly LogEntry[] | undefined> {
    return new Promise((resolve, reject) => this.questions.push({ id, limit, resolve, reject }));
  }

  follow(listener: EventLogListener): Disposable | Promise<Disposable> {
    const begin = () => {
      this.begin = undefined;
      this.lastId = this.#kept.lastId;
      this.#listener = listener;
      return { [Symbol.dispose]: () => void (this.#listener = undefined) };
    };
    if (!this.#options.isFar) return begin();
    return new Promise((resolve) => (this.begin = () => resolve(begin())));
  }

  /** Tells the next entry. */
  tell(): void {
    const entry = this.untold.shift()!;
    this.lastId = entry.id || this.lastId;
    this.#listener?.entry(entry);
  }

  /** Loses what was not told yet. */
  gap(): void {
    this.untold.length = 0;
    this.lastId = this.#kept.lastId;
    this.#listener?.gap();
  }

  /** Looks for what was asked. */
  look(question: Question): void {
    const entries = this.#kept.after(question.id, Infinity);
    const copied = (entries?.length ?? 0) - this.uncopied;
    question.found = {
      // The copy does not know an id yet that it has not got.
      entries: copied < 0 ? undefined : entries?.slice(0, Math.min(copied, question.limit)),
    };
  }

  /** The answer arrives. */
  answer(question: Question): void {
    this.#take(question).resolve(question.found!.entries);
  }

  /** The answer is that there is none. */
  fail(question: Question): void {
    this.#take(question).reject(new Error("The log is away"));
  }

  #take(question: Question): Question {
    this.questions.splice(this.questions.indexOf(question), 1);
    return question;
  }
}
