import {
  type EventLog,
  type EventLogListener,
  type EventMessage,
  type LogEntry,
  MemoryEventLog,
  type MemoryEventLogOptions,
} from "../../src/index.ts";
import { turn } from "../support/recording-sink.ts";

/** A log that is asked for what came after an id, and answers when a test says so. */
export class SlowLog implements EventLog {
  readonly #log: MemoryEventLog;
  readonly #questions: (() => void)[] = [];
  /** How often it was asked, and for how many entries. */
  readonly limits: number[] = [];

  constructor(options?: MemoryEventLogOptions) {
    this.#log = new MemoryEventLog(options);
  }

  get lastId(): string {
    return this.#log.lastId;
  }

  append(message: EventMessage): LogEntry {
    return this.#log.append(message);
  }

  follow(listener: EventLogListener): Disposable {
    return this.#log.follow(listener);
  }

  after(id: string, limit: number): Promise<readonly LogEntry[] | undefined> {
    this.limits.push(limit);
    // It looks at once; only its answer is late.
    const entries = this.#log.after(id, limit);
    return new Promise((resolve) => this.#questions.push(() => resolve(entries)));
  }

  /** Answers what it was asked. */
  async answer(): Promise<void> {
    for (const answer of this.#questions.splice(0)) answer();
    await turn();
  }

  /** Answers, also what it is asked because of its answers, until there are no questions left. */
  async answerAll(): Promise<void> {
    await turn();
    while (this.#questions.length > 0) await this.answer();
  }
}
