import { Followers } from "../channel/followers.ts";
import { readEntries, type StreamEntry } from "./client.ts";

/** Runs a command on some connection. */
export type Run = (...args: string[]) => Promise<unknown>;

/** The field of an entry that is deleted as soon as everybody has read it. */
export const TRANSIENT = "x";

/** The field of an entry before which others were lost; its value is the id of one of those. */
export const GAP = "gap";

/** Where a gap is looked for that another process may have marked. */
const RECENT = "1000";

/** One stream, as this process reads it. */
export class Feed {
  readonly key: string;
  readonly followers: Followers<StreamEntry> = new Followers();
  /** The last entry that was told and stays, and so the one by which history is recognised. */
  lastId = "";
  /** Where to read on. */
  position = "";
  /** When history was last known to be intact. */
  checkedAt = 0;
  /** Whether Redis refuses to read it, as with a key of another type. */
  isAiling = false;
  /** Where the last gap ended that followers were told of. */
  #gapEnd = "";
  #recovering: Promise<void> | undefined;

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
    this.checkedAt = performance.now();
    return found.length > 0;
  }

  /** Makes sure that followers were told if it is not. */
  async verify(run: Run): Promise<void> {
    if (this.followers.size > 0 && !(await this.isIntact(run))) await this.recover(run);
  }

  /** Goes to the end of a stream that is another one now, or was trimmed before it was read. */
  recover(run: Run): Promise<void> {
    this.#recovering ??= this.#recover(run).finally(() => (this.#recovering = undefined));
    return this.#recovering;
  }

  /** Tells what was read. */
  tell(entries: readonly StreamEntry[]): void {
    for (const entry of entries) {
      this.position = entry.id;
      if (!entry.fields.has(TRANSIENT)) this.lastId = entry.id;
      const lostId = entry.fields.get(GAP);
      if (lostId === undefined) this.followers.tell(entry);
      else if (!isBefore(lostId, this.#gapEnd)) this.#tellGap();
    }
  }

  async #recover(run: Run): Promise<void> {
    const { lastId } = this;
    const [first] = readEntries(await run("XRANGE", this.key, "-", "+", "COUNT", "1"));
    if (first && isBefore(first.id, lastId)) {
      // An older copy of the stream: what was lost lies between entries that are there, and to
      // those who have got only the first of them, nothing else would tell it.
      const since = await run("XRANGE", this.key, `(${lastId}`, "+", "COUNT", RECENT);
      const isMarked = readEntries(since).some(({ fields }) => fields.has(GAP));
      if (!isMarked) await run("XADD", this.key, "*", GAP, lastId);
    }
    await this.goToEnd(run);
    this.#tellGap();
  }

  #tellGap(): void {
    this.#gapEnd = this.lastId;
    this.followers.gap();
  }
}

/** Does Redis give the one id before the other? */
function isBefore(id: string, other: string): boolean {
  const [ms = "", sequence = ""] = id.split("-");
  const [otherMs = "", otherSequence = ""] = other.split("-");
  // By digits, because they may be more than a number holds.
  const compare = (a: string, b: string) => a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
  return (compare(ms, otherMs) || compare(sequence, otherSequence)) < 0;
}
