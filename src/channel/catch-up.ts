import { isObjectWith } from "../core/events.ts";
import { type Deadline, findScheduler } from "../core/scheduler.ts";
import type { Broadcast, Report } from "./broadcast.ts";
import type { EventLog, EventLogListener, LogEntry } from "./event-log.ts";
import type { Member } from "./member.ts";
import { QuietCursors } from "./quiet-cursors.ts";

/** Entries asked for at once. What a slow client makes us hold is one such page, not its history. */
const PAGE = 100;

/** Entries that may come while the log is asked. With more, it is asked again from where it is. */
const MAX_CAME = 1_000;

/** Rest before a log is asked again that failed, or knew less than those who follow it. */
const RETRY_MS = 1_000;

/** One question to the log, for all who have it at the same time. */
interface Query {
  readonly key: string;
  readonly members: Member[];
  /** Where live members were when it was asked. */
  readonly askedAt: string;
  /** What came to them since. */
  readonly came: LogEntry[];
  /** Whether more came than that, or was lost: where live members are must be asked again. */
  isStale: boolean;
}

/**
 * Brings members from the id that their clients brought to where live members are, without a gap
 * or a double at the seam. It knows the order of ids from the log alone: what it answers, and what
 * it tells those who follow it.
 */
export class CatchUp implements Deadline, EventLogListener {
  dueAt = 0;
  readonly #log: EventLog;
  readonly #broadcast: Broadcast;
  readonly #maxReplay: number;
  readonly #report: Report;
  readonly #queries = new Map<string, Query>();
  /** Have got more than live members have. */
  readonly #ahead = new Set<Member>();
  /** Wait for the log to answer at all. */
  readonly #waiting = new Set<Member>();
  readonly #quiet: QuietCursors;
  #following: "no" | "soon" | "later" | "yes" | "never again" = "no";
  #subscription: Disposable | undefined;

  constructor(log: EventLog, broadcast: Broadcast, maxReplay: number, report: Report) {
    this.#log = log;
    this.#broadcast = broadcast;
    this.#maxReplay = maxReplay;
    this.#report = report;
    this.#quiet = new QuietCursors(log, broadcast);
  }

  /** Entries to ask for at first: whether there are too many is known before the first is sent. */
  get firstLimit(): number {
    return (this.#log.maxEntries ?? Infinity) <= this.#maxReplay ? PAGE : this.#maxReplay + 1;
  }

  start(member: Member): void {
    if (this.#following === "yes") return this.#advance(member);
    this.#waiting.add(member);
    if (this.#following === "no") this.#follow();
  }

  forget(member: Member): void {
    this.#ahead.delete(member);
    this.#waiting.delete(member);
  }

  stop(): void {
    this.#following = "never again";
    const subscription = this.#subscription;
    this.#subscription = undefined;
    this.#quiet.stop();
    findScheduler().cancel(this);
    if (subscription) this.#dispose(subscription);
  }

  entry(entry: LogEntry): void {
    for (const query of this.#queries.values()) {
      if (query.came.push(entry) > MAX_CAME) this.#outdate(query);
    }
    this.#broadcast.publish(entry);
    for (const member of this.#ahead) {
      if (member.cursor === entry.id) this.#goLive(member);
    }
    // A filter may have closed the channel.
    if (this.#following === "yes") this.#quiet.onEntry(entry);
  }

  gap(): void {
    this.#broadcast.lastId = this.#log.lastId;
    for (const query of this.#queries.values()) this.#outdate(query);
    this.#broadcast.forEach((member) => this.#broadcast.resync(member));
    // What they wait for may never come.
    this.#askFor(this.#ahead);
  }

  /** The log failed a while ago, or somebody seems to be ahead for a while already. */
  onDue(): void {
    if (this.#following === "later") return this.#follow();
    if (this.#following !== "yes") return;
    this.#askFor(this.#waiting);
    this.#askFor(this.#ahead);
  }

  #follow(): void {
    this.#following = "soon";
    const begin = (subscription: Disposable) => {
      if (this.#following === "never again") return this.#dispose(subscription);
      this.#subscription = subscription;
      this.#following = "yes";
      this.#broadcast.lastId = this.#log.lastId;
      this.onDue();
    };
    const fail = (error: unknown) => {
      if (this.#following === "soon") this.#following = "later";
      this.#onFailure(error);
    };
    settle(() => this.#log.follow(this), begin, fail);
  }

  #askFor(members: Set<Member>): void {
    const all = [...members];
    members.clear();
    for (const member of all) this.#advance(member);
  }

  #advance(member: Member): void {
    if (member.state !== "waiting") return;
    const { cursor, limit } = member;
    if (!cursor) {
      this.#broadcast.greet(member);
      return this.#goLive(member);
    }
    const key = `${limit} ${cursor}`;
    const asked = this.#queries.get(key);
    if (asked) return void asked.members.push(member);
    const askedAt = this.#broadcast.lastId;
    const query: Query = { key, members: [member], askedAt, came: [], isStale: false };
    this.#queries.set(key, query);
    settle(
      () => this.#log.after(cursor, limit),
      (entries) => this.#onAnswer(query, entries),
      (error) => {
        if (!query.isStale) this.#queries.delete(key);
        for (const each of query.members) if (each.state === "waiting") this.#waiting.add(each);
        this.#onFailure(error);
      },
    );
  }

  #onAnswer(query: Query, entries: readonly LogEntry[] | undefined): void {
    const again: Member[] = [];
    // A filter may let others join, who then have the same question, and it may send: until all had
    // their turn, the query has to see what comes.
    for (const member of query.members) if (this.#give(member, query, entries)) again.push(member);
    if (!query.isStale) this.#queries.delete(query.key);
    // Not from here: a long history that nobody has to wait for would be a deep recursion.
    for (const member of again) queueMicrotask(() => this.#advance(member));
  }

  /** Sends a page, or as much of it as the client takes. `true` to ask for more at once. */
  #give(member: Member, query: Query, entries: readonly LogEntry[] | undefined): boolean {
    const { limit } = member;
    if (member.state !== "waiting") return false;
    if (!entries || (!member.isCounted && entries.length > this.#maxReplay)) {
      this.#broadcast.resync(member);
      this.#goLive(member);
      return false;
    }
    member.isCounted = true;
    member.limit = PAGE;
    const page = entries.slice(0, PAGE);
    const sent = this.#send(member, page);
    if (sent < page.length || member.delivery.isFull) {
      // Large events: not all of the page will be used next time either.
      member.limit = Math.min(PAGE, sent * 2 + 1);
      return this.#giveLater(member);
    }
    return page.length < entries.length || entries.length === limit || this.#join(member, query);
  }

  /** Lets a member join the live ones: it has all that the log had. `true` if it has to ask again. */
  #join(member: Member, query: Query): boolean {
    const { askedAt, came } = query;
    // Live members may have got a part of that, or already more.
    const index = came.findIndex(({ id }) => id === member.cursor);
    const isAhead = index < 0 && member.cursor !== askedAt;
    if (!isAhead && this.#send(member, came, index + 1) < came.length) {
      return this.#giveLater(member);
    }
    if (member.state !== "waiting") return false;
    if (query.isStale) return true;
    if (isAhead) {
      // Or the log answers from a copy that is behind, and nobody will ever tell them this id.
      this.#ahead.add(member);
      this.#askSoon();
    } else this.#goLive(member);
    return false;
  }

  /** Sends as many entries as the client takes; answers where it stopped. */
  #send(member: Member, entries: readonly LogEntry[], start = 0): number {
    let next = start;
    // By the index, because a filter may send, and so make the list longer.
    for (; next < entries.length && !member.delivery.isFull; next++) {
      const entry = entries[next] as LogEntry;
      this.#broadcast.send(member, entry);
      member.cursor = entry.id || member.cursor;
    }
    return next;
  }

  /** Goes on when the client has taken what waits. */
  #giveLater(member: Member): false {
    void member.delivery.whenDrained().then(() => this.#advance(member));
    return false;
  }

  #goLive(member: Member): void {
    this.#ahead.delete(member);
    if (member.state !== "waiting") return;
    // What was not for it has moved it on, but not the id that its client has.
    if (member.stream.lastEventId !== this.#broadcast.lastId) this.#broadcast.greet(member);
    this.#broadcast.goLive(member);
  }

  #outdate(query: Query): void {
    query.isStale = true;
    this.#queries.delete(query.key);
  }

  #dispose(subscription: Disposable): void {
    try {
      subscription[Symbol.dispose]();
    } catch (error) {
      this.#report(error, "log");
    }
  }

  #onFailure(error: unknown): void {
    if (this.#following === "never again") return;
    this.#report(error, "log");
    this.#askSoon();
  }

  #askSoon(): void {
    const now = performance.now();
    // Whoever comes to wait does not prolong it for the others.
    if (this.dueAt > now) return;
    this.dueAt = now + RETRY_MS;
    findScheduler().schedule(this);
  }
}

/** Goes on with the answer of a log: at once, if it has one at once. */
function settle<T>(
  ask: () => T | Promise<T>,
  onAnswer: (answer: T) => void,
  onError: (error: unknown) => void,
): void {
  try {
    const answer = ask();
    // By shape: clients of databases may have promises of their own. A log whose answer cannot be
    // used has failed, too.
    if (isObjectWith(answer, "then")) Promise.resolve(answer).then(onAnswer).catch(onError);
    else onAnswer(answer as T);
  } catch (error) {
    onError(error);
  }
}
