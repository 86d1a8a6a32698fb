import { type Deadline, findScheduler } from "../core/scheduler.ts";
import type { Broadcast } from "./broadcast.ts";
import type { EventLog, LogEntry } from "./event-log.ts";

/** The part of a log that comes between two rounds. */
const SHARE = 4;

/**
 * Moves the cursors of members for whom nothing comes, because of their topics or filters, before
 * the ids that their clients have fall out of the log. One small event for each share of it.
 */
export class QuietCursors implements Deadline {
  dueAt: number = Infinity;
  readonly #broadcast: Broadcast;
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #maxAgeMs: number;
  #entries = 0;
  #bytes = 0;

  constructor(
    // A log that does not say what it keeps may keep little.
    { maxEntries = 400, maxBytes = 4_194_304, maxAge = 60_000 }: EventLog,
    broadcast: Broadcast,
  ) {
    this.#broadcast = broadcast;
    this.#maxEntries = maxEntries / SHARE;
    this.#maxBytes = maxBytes / SHARE;
    this.#maxAgeMs = maxAge / SHARE;
  }

  /** An entry was brought to those who follow its topic. */
  onEntry({ id, data }: LogEntry): void {
    if (!id) return;
    this.#entries++;
    this.#bytes += data.length;
    if (this.#entries >= this.#maxEntries || this.#bytes >= this.#maxBytes) return this.onDue();
    if (this.dueAt < Infinity) return;
    this.dueAt = performance.now() + this.#maxAgeMs;
    if (this.dueAt < Infinity) findScheduler().schedule(this);
  }

  onDue(): void {
    this.stop();
    this.#broadcast.forEach((member) => {
      if (member.stream.lastEventId !== this.#broadcast.lastId) this.#broadcast.greet(member);
    });
  }

  stop(): void {
    findScheduler().cancel(this);
    this.dueAt = Infinity;
    this.#entries = this.#bytes = 0;
  }
}
