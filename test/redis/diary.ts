import type { EventLog, EventLogListener, LogEntry } from "../../src/channel/event-log.ts";
import { within } from "../support/inbox.ts";

/** What a log told one who follows it, line by line: the data of an entry, or "gap". */
export class Diary implements EventLogListener {
  readonly lines: string[] = [];
  readonly ids: string[] = [];
  readonly #waiting = new Set<() => void>();

  /** Begins to follow a log. */
  static async of(log: EventLog): Promise<Diary> {
    const diary = new Diary();
    await log.follow(diary);
    return diary;
  }

  get gaps(): number {
    return this.lines.filter((line) => line === "gap").length;
  }

  entry({ data, id }: LogEntry): void {
    this.ids.push(id);
    this.#write(data);
  }

  gap(): void {
    this.#write("gap");
  }

  /** Waits until the diary has a line: for as long as was promised, and some more on a busy machine. */
  async until(line: string, ms = 7_000): Promise<void> {
    if (this.lines.includes(line)) return;
    let wake!: () => void;
    const written = new Promise<void>((resolve) => {
      wake = () => {
        if (this.lines.includes(line)) resolve();
      };
    });
    this.#waiting.add(wake);
    try {
      await within(written, `"${line}" after ${JSON.stringify(this.lines.slice(-5))}`, ms);
    } finally {
      this.#waiting.delete(wake);
    }
  }

  #write(line: string): void {
    this.lines.push(line);
    for (const wake of this.#waiting) wake();
  }
}

/** Appends until it is acknowledged: the log may be away. Resolves to the entry's id. */
export async function appendSurely(log: EventLog, data: string): Promise<string> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    try {
      return (await log.append({ data })).id;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
  }
}
