import { EventEndpointError, type EventEndpointErrorCode } from "./errors.ts";
import { KEEP_ALIVE_FRAME } from "./frame.ts";
import type { StreamOptions } from "./options.ts";
import { type Deadline, findScheduler, type TurnTask } from "./scheduler.ts";
import { bytesOf, joinTexts, type Text } from "./shared-text.ts";
import type { ResponseHead, Sink, SinkOwner } from "./sink.ts";
import type { CloseCode } from "./types.ts";

/** Shared answers: a send that need not wait allocates nothing. */
const ACCEPTED = Promise.resolve(true);
const REFUSED = Promise.resolve(false);

/** How often, in one `stallTimeout`, a client that takes nothing is looked at for signs of life. */
const STALL_CHECKS = 8;

/** Who feeds a stream besides its owner: a place in a channel. */
export interface Feeder {
  /** Whether it gives ids of a log, of which a stream can have one only. */
  readonly hasLog: boolean;
  /** Gives what it holds back until the turn ends. */
  flush(): void;
  /** The stream takes nothing any more. */
  streamEnded(): void;
}

/**
 * Brings frames to one client: collects those of one turn into one write, bounds what waits, keeps
 * the connection alive and notices when it is stalled or gone. It knows nothing about events.
 *
 * It is open until it has a `code`, and over when nothing is on its way any more.
 */
export class Delivery implements SinkOwner, Deadline, TurnTask {
  dueAt: number = Infinity;
  /** What ended it; `undefined` while it is open. */
  code: CloseCode | undefined;
  /** What the client brought, then what was accepted last. */
  lastEventId = "";
  /** Whether nothing is on its way any more. */
  isOver = false;
  /** Its places in channels; `undefined` until it has had one. */
  feeders: readonly Feeder[] | undefined;

  readonly #sink: Sink;
  readonly #onOver: (code: CloseCode, wasClean: boolean) => unknown;
  readonly #options: StreamOptions;
  readonly #scheduler = findScheduler();
  /** Frames of this turn, not written yet. */
  #outbox: Text = "";
  #accepted = false;
  /** Whether something that was written may not have been taken. */
  #isDirty = false;
  /** Bytes of the largest frame that may still be waiting; it must not count twice. */
  #largest = 0;
  #lastOutputAt = performance.now();
  readonly #endsAt: number;
  /** While bytes wait: when the system was last seen to take some, and what it had taken by then. */
  #progressAt = 0;
  #progress = 0;
  /** One promise for all sends that wait for the same drain. */
  #drain: Promise<boolean> | undefined;
  #settleDrain: ((open: boolean) => void) | undefined;
  #abortController: AbortController | undefined;

  /** @param onOver called once, when nothing is on its way any more */
  constructor(
    sink: Sink,
    options: StreamOptions,
    onOver: (code: CloseCode, wasClean: boolean) => unknown,
  ) {
    this.#sink = sink;
    this.#options = options;
    this.#onOver = onOver;
    // ±20 %, so that streams which began together do not end together.
    this.#endsAt = this.#lastOutputAt + options.maxDuration * (0.8 + 0.4 * Math.random());
  }

  get bufferedAmount(): number {
    this.flushFeeders();
    if (this.isOver) return 0;
    const waiting = this.#sink.bufferedAmount;
    return this.#outbox ? waiting + bytesOf(this.#outbox).length : waiting;
  }

  /** Aborted when it closes. Made when somebody asks for it: most never do. */
  get signal(): AbortSignal {
    this.#abortController ??= new AbortController();
    if (this.code) this.#abortController.abort();
    return this.#abortController.signal;
  }

  /** Answers with the head; a status of 204 or an empty preamble end the response at once. */
  start(head: ResponseHead): void {
    this.#sink.open(this, head);
    this.#schedule();
  }

  /** What feeders hold back was sent before whatever comes now, and counts for who looks. */
  flushFeeders(): void {
    if (this.feeders) for (const feeder of this.feeders) feeder.flush();
  }

  /** Accepts a frame, and its id if it has one, unless the client is gone or turns out to be too slow. */
  accept(frame: Text, id?: string): boolean {
    this.flushFeeders();
    return this.take(frame, id);
  }

  /** As {@link accept}, for feeders. */
  take(frame: Text, id?: string): boolean {
    const limit = this.#options.maxBufferedAmount;
    if (frame.length * 3 > limit) {
      this.#largest = Math.max(this.#largest, bytesOf(frame).length);
    }
    // What is left of one large event may stay, together with what may wait beside it.
    if (
      this.#exceeds(limit) &&
      !this.code &&
      // Nothing waits here any more. What feeders hold back comes after this.
      this.#sink.bufferedAmount + bytesOf(frame).length > limit + this.#largest
    ) {
      this.#breakOff();
    }
    // Writing may have told that the client is gone.
    if (this.code) return false;
    this.#accepted = true;
    if (!this.#outbox) this.#scheduler.afterTurn(this);
    this.#outbox = joinTexts(this.#outbox, frame);
    if (id !== undefined) this.lastEventId = id;
    return true;
  }

  /** Whether as much more can wait, for sure, without making the client slow. */
  hasRoomFor(frames: Text): boolean {
    return !this.#mayExceed(this.#options.maxBufferedAmount, frames.length);
  }

  /** Whether more than the high-water mark waits, even after all of it was offered to the system. */
  get isFull(): boolean {
    return !this.code && this.#exceeds(this.#options.highWaterMark);
  }

  /** Waits for the next drain if more than the high-water mark waits. `false` once it is closed. */
  whenDrained(): Promise<boolean> {
    const { isFull } = this;
    // Writing may have told that the client is gone.
    if (this.code) return REFUSED;
    if (!isFull) return ACCEPTED;
    return (this.#drain ??= new Promise((resolve) => (this.#settleDrain = resolve)));
  }

  /** Ends after what was accepted and a last frame, or visibly incomplete. The first code counts. */
  end(code: CloseCode, lastFrame = ""): void {
    this.flushFeeders();
    if (this.code) return;
    this.code = code;
    this.#outbox = joinTexts(this.#outbox, lastFrame);
    this.onTurnEnd();
    this.#tellEnd();
    if (this.isOver) return;
    if (code !== "source-failed") this.#sink.end();
    // A failure would overtake what waits.
    else if (!this.#isDirty) this.#breakOff("source-failed");
    // A client that does not take the rest must not keep it here for ever.
    this.#watchWaiting();
    this.#schedule();
  }

  sinkDrained(): void {
    if (this.isOver) return;
    this.#isDirty = this.#sink.bufferedAmount > 0;
    if (!this.#isDirty) {
      this.#largest = 0;
      if (this.code === "source-failed") return this.#breakOff("source-failed");
    }
    this.#drainedEnough();
    // The first read, at the latest.
    if (this.dueAt === Infinity) this.#schedule();
  }

  sinkClosed(clean: boolean = !this.#isDirty): void {
    this.flushFeeders();
    if (this.isOver) return;
    this.isOver = true;
    this.code ??= "client-left";
    this.#scheduler.cancel(this);
    this.#tellEnd();
    // With nothing accepted, nothing was thrown away: the head does not count.
    const wasClean = !this.#accepted || (clean && !this.#outbox);
    this.#outbox = "";
    this.#onOver(this.code, wasClean);
  }

  /** Writes what was collected. */
  onTurnEnd(now: number = performance.now()): void {
    const text = this.#outbox;
    this.#outbox = "";
    if (!text) return;
    this.#lastOutputAt = now;
    this.#sink.write(text);
    this.#watchWaiting();
  }

  onDue(now: number): void {
    if (this.#sink.bufferedAmount === 0 || this.#sink.progress !== this.#progress) {
      this.#watch(now);
      // Not every sink can tell by itself that a part of what waits was taken.
      this.#drainedEnough();
    } else if (now >= this.#progressAt + this.#options.stallTimeout) return this.#breakOff();
    if (now >= this.#endsAt) this.end("max-duration");
    if (!this.code && now >= this.#lastOutputAt + this.#options.keepAlive) {
      this.#lastOutputAt = now;
      // Behind bytes that wait already, a comment would keep nothing alive.
      if (this.#sink.started && this.bufferedAmount === 0) this.#outbox = KEEP_ALIVE_FRAME;
      this.onTurnEnd();
    }
    this.#schedule();
  }

  /** Begins to look for progress when bytes begin to wait. */
  #watchWaiting(): void {
    const wasDirty = this.#isDirty;
    this.#isDirty = this.#sink.bufferedAmount > 0;
    if (wasDirty || !this.#isDirty) return;
    this.#watch(performance.now());
    this.#schedule();
  }

  #watch(now: number): void {
    this.#progressAt = now;
    this.#progress = this.#sink.progress;
  }

  /** Is more than this waiting, even after all of it was offered to the system? */
  #exceeds(limit: number): boolean {
    if (!this.#mayExceed(limit)) return false;
    // So that a burst within one turn makes no client slow.
    this.onTurnEnd();
    return this.#sink.bufferedAmount > limit;
  }

  /** Not measured: one UTF-16 unit is at most three bytes. */
  #mayExceed(limit: number, moreUnits = 0): boolean {
    const waiting = this.#isDirty ? this.#sink.bufferedAmount : 0;
    return waiting + (this.#outbox.length + moreUnits) * 3 > limit;
  }

  #schedule(): void {
    if (this.isOver) return;
    // A response that nobody reads yet may have been dropped: the scheduler must not keep it.
    const isIdle = this.code || !this.#sink.started;
    this.dueAt = Math.min(
      isIdle ? Infinity : Math.min(this.#endsAt, this.#lastOutputAt + this.#options.keepAlive),
      this.#isDirty ? performance.now() + this.#options.stallTimeout / STALL_CHECKS : Infinity,
    );
    if (this.dueAt < Infinity) this.#scheduler.schedule(this);
    else this.#scheduler.cancel(this);
  }

  #breakOff(code: CloseCode & EventEndpointErrorCode = "slow-client"): void {
    // It may have been closed already, and the client does not take what is left.
    this.code ??= code;
    this.#sink.abort(new EventEndpointError(code));
    this.sinkClosed();
  }

  /** Nothing can be sent any more. */
  #tellEnd(): void {
    this.#settleDrain?.(false);
    this.#abortController?.abort();
    for (const feeder of this.feeders ?? []) feeder.streamEnded();
    this.feeders &&= [];
  }

  #drainedEnough(): void {
    if (!this.#drain || this.bufferedAmount > this.#options.highWaterMark) return;
    this.#settleDrain?.(true);
    this.#drain = undefined;
  }
}
