import type { EventStream } from "../../src/core/stream.ts";
import type { EventLog, LogEntry } from "../../src/index.ts";
import type { Channel } from "./splice-world.ts";

/**
 * The channel that everybody writes first: a history, listeners, and a replay before or after
 * listening. It does all that ours does as long as nothing happens meanwhile.
 */
export class NaiveChannel implements Channel {
  readonly #log: EventLog;
  readonly #order: "replay first" | "listen first";
  readonly #members = new Set<EventStream>();

  constructor(log: EventLog, order: "replay first" | "listen first" = "replay first") {
    this.#log = log;
    this.#order = order;
    const entry = (entry: LogEntry) => {
      for (const stream of this.#members) void stream.send(entry.data, entry.id);
    };
    void log.follow({ entry, gap: () => {} });
  }

  async add(stream: EventStream): Promise<boolean> {
    if (this.#order === "listen first") this.#members.add(stream);
    const entries = stream.lastEventId && (await this.#log.after(stream.lastEventId, Infinity));
    for (const entry of entries || []) void stream.send(entry.data, entry.id);
    this.#members.add(stream);
    return true;
  }

  async send(data: string): Promise<string> {
    return (await this.#log.append({ data })).id;
  }

  async close(): Promise<void> {
    for (const stream of this.#members) await stream.close();
  }
}
