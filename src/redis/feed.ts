import { Followers } from "../channel/followers.ts";
import { readEntries, type StreamEntry } from "./client.ts";

/** Runs a command on some connection. */
export type Run = (...args: string[]) => Promise<unknown>;

/** The field of an entry that is deleted as soon as everybody has read it. */
export const TRANSIENT = "x";

/** One stream, as this process reads it. */
export class Feed {
  readonly key: string;
  readonly followers = new Followers<StreamEntry>();
  /** The last entry that was told and stays, and so the one by which history is recognised. */
  lastId = "";
  /** Where to read on. */
  position = "";
  /** Whether Redis refuses to read it, as with a key of another type. */
  isAiling = false;

  constructor(key: string) {
    this.key = key;
  }

  /** Goes to the end of the stream. Where there is no entry that stays, one is made that says nothing. */
  async goToEnd(run: Run): Promise<void> {
    const [last] = readEntries(await run("XREVRANGE", this.key, "+", "-", "COUNT", "1"));
    const stays = last && !last.fields.has(TRANSIENT);
    this.lastId = stays ? last.id : String(await run("XADD", this.key, "*", "marker", ""));
    this.position = this.lastId;
  }

  /** Is the history of the stream still the one that was told here? */
  async isIntact(run: Run): Promise<boolean> {
    const found = readEntries(await run("XRANGE", this.key, this.lastId, this.lastId));
    return found.length > 0;
  }

  /** Tells what was read. */
  tell(entries: readonly StreamEntry[]): void {
    for (const entry of entries) {
      this.position = entry.id;
      if (!entry.fields.has(TRANSIENT)) this.lastId = entry.id;
      this.followers.tell(entry);
    }
  }
}
