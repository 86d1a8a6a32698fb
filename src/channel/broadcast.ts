import { type ErrorStage, silence } from "../core/errors.ts";
import { isObjectWith } from "../core/events.ts";
import { formatMessage, type FrameFields, readFields } from "../core/frame.ts";
import { findScheduler, type TurnTask } from "../core/scheduler.ts";
import { shared } from "../core/shared.ts";
import { SharedText } from "../core/shared-text.ts";
import { unpolluted } from "../core/unpolluted.ts";
import { Audience } from "./audience.ts";
import type { LogEntry } from "./event-log.ts";
import type { EventFilter, Member } from "./member.ts";

/** Tells the channel's `onError`. */
export type Report = (error: unknown, stage: ErrorStage) => void;

/** What a member gets of an entry. */
interface Frame {
  readonly text: SharedText;
  /** What its client's last id is from then on; `undefined` if that stays. */
  readonly id: string | undefined;
}

/** A frame in a batch, and how many entries had come with it. */
interface Batched extends Frame {
  readonly position: number;
}

/** UTF-16 units of a batch that does not wait for the end of the turn. */
const MAX_BATCH = 16_384;

/**
 * Brings entries to members: each is formatted once, and the same bytes go to everybody.
 *
 * What comes in one turn goes together, as one text, to those who get everything: else each event
 * would cost some of what a write costs. A delivery asks for its own first when anything else is
 * sent. Bringing may end a stream, whose listeners may do anything: nobody but that member may be
 * touched for it, and `seen` tells for each what it has got.
 */
export class Broadcast implements TurnTask {
  /** Where live members are: the id of the last entry that came. */
  lastId = "";
  /** How many entries have come. */
  position = 0;
  readonly #report: Report;
  readonly #audience = new Audience();
  /** As long as a log keeps an entry, it is not formatted again. */
  readonly #frames = new WeakMap<LogEntry, Frame>();
  /** What was sent last. */
  #sent: { readonly entry: LogEntry; readonly frame: Frame | undefined } | undefined;
  #ready: Frame | undefined;
  /** What is being brought to members. */
  #current: LogEntry | undefined;
  /** What came in this turn, for those who get everything. */
  #batch: Batched[] = [];
  /** The batch before, while it is being brought. */
  #bringing: readonly Batched[] = [];
  #batchLength = 0;
  readonly #turn = shared("turn", (): { broadcast?: Broadcast | undefined } => ({}));

  constructor(report: Report) {
    this.#report = report;
  }

  /** From now on the member gets what comes. */
  goLive(member: Member): void {
    member.goLive(this.position);
    this.#audience.add(member);
  }

  leave(member: Member): void {
    this.flushFor(member);
    this.#audience.delete(member);
    member.leave();
  }

  /** Gives a member, live or not, other topics and another filter. */
  change(member: Member, topics: Member["topics"], filter: EventFilter | undefined): void {
    this.flushFor(member);
    const isLive = member.state === "live";
    if (isLive) this.#audience.delete(member);
    member.topics = topics;
    member.filter = filter;
    if (!isLive) return;
    this.#audience.add(member);
    // Somebody's filter did that while all are asked: nobody is asked twice, or not at all.
    if (this.#current && member.seen < this.position) this.#show(member, this.#current);
    member.seen = this.position;
  }

  /** Says how an entry is sent that is in no log, in which an empty id would be none. */
  prepare(entry: LogEntry, fields: FrameFields): void {
    this.#frames.set(entry, createFrame(entry.data, fields));
  }

  /** An entry came. */
  publish(entry: LogEntry): void {
    // Who is in two channels gets everything in the order in which it was sent.
    if (this.#turn.broadcast !== this) this.#turn.broadcast?.flush();
    const position = ++this.position;
    if (entry.id) this.lastId = entry.id;
    this.#collect(entry);
    this.#current = entry;
    this.#audience.forEachOther(entry.topic, (member) => {
      // Somebody's filter may let others join.
      if (member.seen < position) this.#show(member, entry);
    });
    this.#current = undefined;
  }

  onTurnEnd(): void {
    this.flush();
  }

  /** Gives what came in this turn to those who get everything. */
  flush(): void {
    // What comes meanwhile is brought after that.
    if (this.#bringing.length > 0) return;
    for (let first; (first = this.#batch[0]);) {
      const batch = (this.#bringing = this.#batch);
      this.#batch = [];
      this.#batchLength = 0;
      // Nobody is kept by the last turn that there was.
      if (this.#turn.broadcast === this) this.#turn.broadcast = undefined;
      const all = joinFrames(batch);
      const { position } = first;
      try {
        this.#audience.forEachOfAll((member) => {
          if (member.seen < position && member.delivery.hasRoomFor(all.text)) {
            member.seen = all.position;
            member.delivery.take(all.text, all.id);
          } else this.flushFor(member);
        });
      } finally {
        this.#bringing = [];
      }
    }
  }

  /** Gives a member what came in this turn, if it gets everything. */
  flushFor(member: Member): void {
    if (member.seen === this.position || !this.#audience.getsAll(member)) return;
    // Whether a client is slow is judged at each event.
    for (const batch of [this.#bringing, this.#batch]) {
      for (const { text, id, position } of batch) {
        if (position <= member.seen) continue;
        member.seen = position;
        member.delivery.take(text, id);
      }
    }
  }

  /** Brings an entry to one member, if it is for that one. */
  send(member: Member, entry: LogEntry): void {
    if (!member.follows(entry.topic) || !this.#passes(member, entry)) return;
    const frame = this.#frameOf(entry);
    if (frame) member.delivery.accept(frame.text, frame.id);
  }

  /** Tells one member the current id, so that a drop from here on loses nothing. */
  greet(member: Member): void {
    const id = this.lastId || undefined;
    if (!this.#ready || this.#ready.id !== id) this.#ready = createCursorFrame("ready", "", id);
    member.delivery.accept(this.#ready.text, id);
  }

  /** Tells one member that it may have missed something, and from where it goes on. */
  resync(member: Member): void {
    const data = JSON.stringify({ lastEventId: member.stream.lastEventId });
    const { text, id } = createCursorFrame("resync", data, this.lastId || undefined);
    member.delivery.accept(text, id);
  }

  /** Calls back for every live member. */
  forEach(call: (member: Member) => void): void {
    this.#audience.forEachOfAll(call);
    this.#audience.forEachOther(undefined, call);
  }

  /** Brings the entry that came last to one member. */
  #show(member: Member, entry: LogEntry): void {
    member.seen = this.position;
    this.send(member, entry);
  }

  /** Keeps an entry until the turn ends, for those who get everything. */
  #collect(entry: LogEntry): void {
    const frame = this.#frameOf(entry);
    if (!frame) return;
    this.#turn.broadcast = this;
    const { text, id } = frame;
    const { position } = this;
    if (this.#batch.push({ text, id, position }) === 1) findScheduler().afterTurn(this);
    this.#batchLength += frame.text.length;
    if (this.#batchLength > MAX_BATCH) this.flush();
  }

  /** One entry goes to many members: its frame is looked up for the first of them. */
  #frameOf(entry: LogEntry): Frame | undefined {
    if (this.#sent?.entry !== entry) {
      this.#sent = { entry, frame: this.#frames.get(entry) ?? this.#format(entry) };
    }
    return this.#sent.frame;
  }

  /** What comes from a log may come from anywhere: it is checked like what users give. */
  #format(entry: LogEntry): Frame | undefined {
    try {
      const { id, event, retry } = unpolluted(entry);
      const frame = createFrame(entry.data, readFields({ id: id || undefined, event, retry }));
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
      // It may have ended the membership.
      if (!isObjectWith(answer, "then")) return !!answer && member.state !== "gone";
      silence(answer);
      throw new TypeError('Invalid "filter": must answer at once, got a promise');
    } catch (error) {
      this.#report(error, "filter");
      return false;
    }
  }
}

function createFrame(data: string, fields: FrameFields): Frame {
  return { text: new SharedText(formatMessage(data, fields)), id: fields.id };
}

function joinFrames(frames: readonly Batched[]): Batched {
  const last = frames.at(-1) as Batched;
  if (frames.length === 1) return last;
  const ids = frames.flatMap(({ id }) => id ?? []);
  const text = new SharedText(frames.map((frame) => frame.text).join(""));
  return { text, id: ids.at(-1), position: last.position };
}

function createCursorFrame(event: string, data: string, id: string | undefined): Frame {
  return createFrame(data, { event, id, retry: undefined });
}
