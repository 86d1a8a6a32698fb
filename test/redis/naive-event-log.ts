import type { Redis } from "ioredis";
import type { EventLog, EventMessage, LogEntry } from "../../src/channel/event-log.ts";
import { readEntries } from "../../src/redis/client.ts";

/** A log as it is often written: it resumes from any id, and trusts that history is what it was. */
export class NaiveEventLog implements EventLog {
  readonly lastId = "";
  readonly #client: Redis;
  readonly #key: string;

  constructor(client: Redis, key: string) {
    this.#client = client;
    this.#key = key;
  }

  async append(message: EventMessage): Promise<LogEntry> {
    const id = await this.#client.xadd(this.#key, "*", "d", message.data);
    return { ...message, id: String(id) };
  }

  async after(id: string, limit: number): Promise<LogEntry[]> {
    const answer = await this.#client.xrange(this.#key, `(${id}`, "+", "COUNT", limit);
    return readEntries(answer).map((entry) => ({
      id: entry.id,
      data: entry.fields.get("d") ?? "",
    }));
  }

  follow(): Disposable {
    return { [Symbol.dispose]: () => {} };
  }
}
