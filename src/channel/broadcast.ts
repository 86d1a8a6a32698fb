import { type ErrorStage, silence } from "../core/errors.ts";
import { isObjectWith } from "../core/events.ts";
import { formatMessage, readFields } from "../core/frame.ts";
import { SharedText, type Text } from "../core/shared-text.ts";
import { Audience } from "./audience.ts";
import type { LogEntry } from "./event-log.ts";
import type { EventFilter, Member } from "./member.ts";

/** Tells the channel's `onError`. */
export type Report = (error: unknown, stage: ErrorStage) => void;

/** Brings entries to members: each is formatted once, and the same bytes go to everybody. */
export class Broadcast {
  /** Where live members are: the id of the last entry that came. */
  lastId = "";
  /** How many entries have come. */
  position = 0;
  readonly #report: Report;
  readonly #audience = new Audience();
  /** As long as a log keeps an entry, it is not formatted again. */
  readonly #frames = new WeakMap<LogEntry, SharedText>();
  /** What was sent last. */
  #sent: { readonly entry: LogEntry; readonly frame: SharedText | undefined } | undefined;
  #ready: { readonly id: string; readonly frame: SharedText } | undefined;

  constructor(report: Report) {
    this.#report = report;
  }

  /** From now on the member gets what comes. */
  goLive(member: Member): void {
    member.goLive(this.position);
    this.#audience.add(member);
  }

  leave(member: Member): void {
    this.#audience.delete(member);
    member.leave();
  }

  /** Gives a member, live or not, other topics and another filter. */
  change(member: Member, topics: Member["topics"], filter: EventFilter | undefined): void {
    const isLive = member.state === "live";
    if (isLive) this.#audience.delete(member);
    member.topics = topics;
    member.filter = filter;
    if (isLive) this.#audience.add(member);
  }

  /** Says how an entry is sent, if its frame is not to be made of the entry alone. */
  prepare(entry: LogEntry, frame: string): void {
    this.#frames.set(entry, new SharedText(frame));
  }

  /** An entry came. */
  publish(entry: LogEntry): void {
    const position = ++this.position;
    if (entry.id) this.lastId = entry.id;
    this.#audience.forEach(entry.topic, (member) => {
      // Somebody's filter may let others join, or change what they follow.
      if (member.seen >= position) return;
      member.seen = position;
      this.send(member, entry);
    });
  }

  /** Brings an entry to one member, if it is for that one. */
  send(member: Member, entry: LogEntry): void {
    if (!member.follows(entry.topic) || !this.#passes(member, entry)) return;
    // One entry goes to many members: its frame is looked up for the first of them.
    if (this.#sent?.entry !== entry) {
      this.#sent = { entry, frame: this.#frames.get(entry) ?? this.#format(entry) };
    }
    const { frame } = this.#sent;
    if (frame) this.#send(member, frame, entry.id);
  }

  /** Tells one member the current id, so that a drop from here on loses nothing. */
  greet(member: Member): void {
    if (this.#ready?.id !== this.lastId) {
      this.#ready = { id: this.lastId, frame: new SharedText(this.#formatCursor("ready", "")) };
    }
    this.#send(member, this.#ready.frame, this.lastId);
  }

  /** Tells one member that it may have missed something, and from where it goes on. */
  resync(member: Member): void {
    const data = JSON.stringify({ lastEventId: member.stream.lastEventId });
    this.#send(member, this.#formatCursor("resync", data), this.lastId);
  }

  /** Calls back for every live member. */
  forEach(call: (member: Member) => void): void {
    this.#audience.forEach(undefined, call);
  }

  #send(member: Member, frame: Text, id: string): void {
    member.delivery.accept(frame, id || undefined);
    if (id) member.cursor = id;
  }

  #formatCursor(event: string, data: string): string {
    return formatMessage(data, { event, id: this.lastId || undefined, retry: undefined });
  }

  /** What comes from a log may come from anywhere: it is checked like what users give. */
  #format(entry: LogEntry): SharedText | undefined {
    try {
      const { id, event, retry } = entry;
      const fields = readFields({ id: id || undefined, event, retry });
      const frame = new SharedText(formatMessage(entry.data, fields));
      this.#frames.set(entry, frame);
      return frame;
    } catch (error) {
      this.#report(error, "log");
      return undefined;
    }
  }

  /** A filter that fails lets nothing pass: what it hides may be a secret. */
  #passes(member: Member, entry: LogEntry): boolean {
    if (!member.filter) return true;
    try {
      const answer: unknown = member.filter(entry, member.stream);
      if (!isObjectWith(answer, "then")) return !!answer;
      silence(answer);
      throw new TypeError('Invalid "filter": must answer at once, got a promise');
    } catch (error) {
      this.#report(error, "filter");
      return false;
    }
  }
}
