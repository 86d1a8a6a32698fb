import { isObjectWith } from "../core/events.ts";
import { type Deadline, findScheduler } from "../core/scheduler.ts";
import type { Broadcast, Report } from "./broadcast.ts";
import type { EventLog, EventLogListener, LogEntry } from "./event-log.ts";
import type { Member } from "./member.ts";
import { QuietCursors } from "./quiet-cursors.ts";

/** Entries asked for at once. What a slow client makes us hold is one such page, not its history. */
const PAGE = 100;

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
  /** Whether live members lost their place meanwhile. */
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
  #following: "no" | "soon" | "yes" | "never again" = "no";
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
    this.#subscription?.[Symbol.dispose]();
    this.#subscription = undefined;
    this.#quiet.stop();
    findScheduler().cancel(this);
  }

  entry(entry: LogEntry): void {
    for (const query of this.#queries.values()) query.came.push(entry);
    this.#broadcast.publish(entry);
    for (const member of this.#ahead) {
      if (member.cursor === entry.id) this.#goLive(member);
    }
    this.#quiet.onEntry(entry);
  }

  gap(): void {
    this.#broadcast.lastId = this.#log.lastId;
    for (const query of this.#queries.values()) query.isStale = true;
    this.#queries.clear();
    this.#broadcast.forEach((member) => this.#broadcast.resync(member));
    // What they wait for may never come.
    this.#askFor(this.#ahead);
  }

  /** The log failed a while ago, or somebody seems to be ahead for a while already. */
  onDue(): void {
    if (this.#following === "no") return this.#follow();
    if (this.#following !== "yes") return;
    this.#askFor(this.#waiting);
    this.#askFor(this.#ahead);
  }

  #follow(): void {
    this.#following = "soon";
    const begin = (subscription: Disposable) => {
      if (this.#following === "never again") return subscription[Symbol.dispose]();
      this.#subscription = subscription;
      this.#following = "yes";
      this.#broadcast.lastId = this.#log.lastId;
      this.onDue();
    };
    const fail = (error: unknown) => {
      if (this.#following === "soon") this.#following = "no";
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
    // A filter may publish, and may add others with the same question: until all had their turn, the
    // query has to see what comes, and who.
    for (const member of query.members) {
      if (query.isStale || this.#give(member, query, entries)) again.push(member);
    }
    if (!query.isStale) this.#queries.delete(query.key);
    // Not from here: a long history that nobody has to wait for would be a deep recursion.
    for (const member of again) queueMicrotask(() => this.#advance(member));
  }

  /** Sends a page, or as much of it as the client takes. `true` to ask for more at once. */
  #give(member: Member, query: Query, entries: readonly LogEntry[] | undefined): boolean {
    const { delivery, limit } = member;
    if (member.state !== "waiting") return false;
    if (!entries || (!member.isCounted && entries.length > this.#maxReplay)) {
      this.#broadcast.resync(member);
      this.#goLive(member);
      return false;
    }
    member.isCounted = true;
    member.limit = PAGE;
    const sent = this.#send(member, entries, 0, PAGE);
    if (delivery.isFull) {
      // Large events: not all of the page will be used next time either.
      member.limit = Math.min(PAGE, sent * 2 + 1);
      return this.#pause(member);
    }
    if (sent < entries.length || sent === limit) return true;
    // It has all that the log had. Live members may have got a part of that, or already more.
    const { askedAt, came } = query;
    const index = came.findIndex(({ id }) => id === member.cursor);
    if (index < 0 && member.cursor !== askedAt) {
      // Or the log answers from a copy that is behind, and nobody will ever tell them this id.
      this.#ahead.add(member);
      this.#askSoon();
      return false;
    }
    // Before it goes live: what a filter publishes here goes to the end of what came.
    if (this.#send(member, came, index + 1, Infinity) < came.length) return this.#pause(member);
    this.#goLive(member);
    return false;
  }

  /** Sends entries from one place to another, as long as the client takes them. Where it stopped. */
  #send(member: Member, entries: readonly LogEntry[], from: number, to: number): number {
    let next = from;
    for (; next < to && !member.delivery.isFull; next++) {
      const entry = entries[next];
      if (!entry) break;
      this.#broadcast.send(member, entry);
      member.cursor = entry.id || member.cursor;
    }
    return next;
  }

  /** Goes on when the client has taken what it was given. */
  #pause(member: Member): false {
    void member.delivery.whenDrained().then(() => this.#advance(member));
    return false;
  }

  #goLive(member: Member): void {
    this.#ahead.delete(member);
    if (member.state !== "waiting") return;
    // What it does not follow was passed over, and its client still has the id from before that.
    if (member.stream.lastEventId !== this.#broadcast.lastId) this.#broadcast.greet(member);
    this.#broadcast.goLive(member);
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
  let answer: T | Promise<T>;
  try {
    answer = ask();
  } catch (error) {
    return onError(error);
  }
  // By shape: clients of databases may have promises of their own.
  if (isObjectWith(answer, "then")) (answer as Promise<T>).then(onAnswer, onError);
  else onAnswer(answer as T);
}
