import type { EventLogListener, LogEntry } from "../channel/event-log.ts";

/** What a log told one listener. */
export class Told implements EventLogListener {
  readonly entries: LogEntry[] = [];
  gaps = 0;
  readonly #timeoutMs: number;
  #wake: (() => void) | undefined;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  entry(entry: LogEntry): void {
    this.entries.push(entry);
    this.#wake?.();
  }

  gap(): void {
    this.gaps++;
  }

  /** Waits until the listener was told of so many entries. */
  async until(count: number): Promise<LogEntry[]> {
    const deadline = performance.now() + this.#timeoutMs;
    while (this.entries.length < count) {
      const left = deadline - performance.now();
      if (left <= 0) {
        throw new Error(`The log told a listener ${this.entries.length} entries of ${count}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.entries;
  }
}
