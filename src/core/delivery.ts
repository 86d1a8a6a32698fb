import type { EventEndpointError } from "./errors.ts";
import { KEEP_ALIVE_FRAME } from "./frame.ts";
import { type Deadline, findScheduler, type TurnTask } from "./scheduler.ts";
import type { ResponseHead, Sink, SinkOwner } from "./sink.ts";

/** Limits of one delivery; see `EventEndpointOptions`. `Infinity` turns one off. */
export interface DeliveryLimits {
  highWaterMark: number;
  maxBufferedAmount: number;
  keepAliveMs: number;
  stallTimeoutMs: number;
  maxDurationMs: number;
}

/** What a delivery tells the stream that it belongs to. */
export type DeliveryChange =
  /** It wants to be aborted, because the client does not read. */
  | "slow-client"
  /** It wants to be ended, because its time is over. */
  | "max-duration"
  /** Nothing can be sent any more. Told once. */
  | "ending"
  /** Nothing is on its way any more, either. Told once, after "ending". */
  | "ended"
  /** The same, and events that had been accepted were thrown away. */
  | "ended-with-loss";

/** How often, in one `stallTimeout`, a stalled client is looked at for signs of life. */
const STALL_CHECKS = 8;

/**
 * Brings frames to one client: collects those of one turn into one write, bounds what waits, keeps
 * the connection alive and notices when it is stalled or gone. It knows nothing about events.
 */
export class Delivery implements SinkOwner, Deadline, TurnTask {
  dueAt = Infinity;
  heapIndex = -1;

  readonly #sink: Sink;
  readonly #onChange: (change: DeliveryChange) => void;
  readonly #limits: DeliveryLimits;
  readonly #scheduler = findScheduler();
  #state: "open" | "ending" | "ended" = "open";
  /** Frames of this turn, not written yet. */
  #outbox = "";
  #flushPlanned = false;
  #accepted = false;
  /** Bytes of the largest frame above the limit that may still be waiting; it must not count twice. */
  #oversizeBytes = 0;
  #lastOutputAt = performance.now();
  readonly #endsAt: number;
  /** While bytes wait: when the system last took some, and what it had taken by then. */
  #progressAt = -1;
  #progress = 0;
  /** One promise for all sends that wait for the same drain. */
  #drain: { promise: Promise<boolean>; resolve(open: boolean): void } | undefined;

  constructor(sink: Sink, limits: DeliveryLimits, onChange: (change: DeliveryChange) => void) {
    this.#sink = sink;
    this.#limits = limits;
    this.#onChange = onChange;
    // ±20 %, so that streams which began together do not end together.
    this.#endsAt = this.#lastOutputAt + limits.maxDurationMs * (0.8 + 0.4 * Math.random());
  }

  get open(): boolean {
    return this.#state === "open";
  }

  get bufferedAmount(): number {
    const waiting = this.#sink.bufferedAmount;
    return this.#outbox === "" ? waiting : waiting + this.#sink.byteLength(this.#outbox);
  }

  /** Answers with the head; a status of 204 or an empty preamble end the response at once. */
  start(head: ResponseHead): void {
    this.#sink.open(this, head);
    if (this.open) this.#schedule();
  }

  /** Accepts a frame, unless the client is gone or turns out to be too slow. */
  accept(frame: string): boolean {
    if (this.#state !== "open" || !this.#makeRoom(frame)) return false;
    this.#accepted = true;
    this.#outbox += frame;
    if (!this.#flushPlanned) {
      this.#flushPlanned = true;
      this.#scheduler.afterTurn(this);
    }
    return true;
  }

  /** A promise for the next drain if more than the high-water mark waits, else `undefined`. */
  whenDrained(): Promise<boolean> | undefined {
    const mark = this.#limits.highWaterMark;
    if (this.#isSurelyBelow(mark) || this.bufferedAmount <= mark) return undefined;
    this.#flush();
    if (this.#state !== "open" || this.bufferedAmount <= mark) return undefined;
    if (!this.#drain) {
      let resolve: (open: boolean) => void = () => {};
      const promise = new Promise<boolean>((settle) => (resolve = settle));
      this.#drain = { promise, resolve };
    }
    return this.#drain.promise;
  }

  /** Ends cleanly after the last frame; with an error, visibly incomplete. */
  end(lastFrame: string, error?: EventEndpointError): void {
    if (this.#state !== "open") return;
    this.#outbox += lastFrame;
    this.#flush();
    // Writing may have told that the client is gone.
    if (!this.open) return;
    this.#leave("ending");
    this.#sink.end(error);
    // A client that does not take the rest must not keep it here for ever.
    this.#watchProgress();
    if (!this.#isEnded()) this.#schedule();
  }

  /** Breaks off; what waits is dropped. */
  abort(error: EventEndpointError): void {
    if (this.#isEnded()) return;
    const lost = this.bufferedAmount > 0;
    this.#outbox = "";
    this.#leave("ended");
    this.#sink.abort(error);
    this.#onChange(lost ? "ended-with-loss" : "ended");
  }

  sinkDrained(): void {
    if (this.#progressAt >= 0) this.#progressAt = performance.now();
    if (this.#sink.bufferedAmount === 0) this.#oversizeBytes = 0;
    if (this.#drain && this.bufferedAmount <= this.#limits.highWaterMark) this.#settleDrain(true);
  }

  sinkClosed(clean: boolean): void {
    if (this.#isEnded()) return;
    // Without an event accepted, none was thrown away: the head and comments do not count.
    const wasClean = !this.#accepted || (clean && this.#outbox === "");
    this.#outbox = "";
    this.#leave("ended");
    this.#onChange(wasClean ? "ended" : "ended-with-loss");
  }

  onTurnEnd(): void {
    this.#flushPlanned = false;
    this.#flush();
  }

  onDue(now: number): void {
    if (this.#isStalled(now)) return this.#onChange("slow-client");
    if (this.open && now >= this.#endsAt) return this.#onChange("max-duration");
    if (this.open && now >= this.#lastOutputAt + this.#limits.keepAliveMs) this.#keepAlive(now);
    if (!this.#isEnded()) this.#schedule();
  }

  #keepAlive(now: number): void {
    this.#lastOutputAt = now;
    // Behind bytes that wait already, a comment would keep nothing alive.
    if (this.#sink.started && this.bufferedAmount === 0) this.#write(KEEP_ALIVE_FRAME);
  }

  #flush(): void {
    const text = this.#outbox;
    if (text === "") return;
    this.#outbox = "";
    this.#lastOutputAt = performance.now();
    this.#write(text);
  }

  #write(text: string): void {
    this.#sink.write(text);
    this.#watchProgress();
  }

  #watchProgress(): void {
    if (this.#progressAt >= 0 || this.#isEnded() || this.#sink.bufferedAmount === 0) return;
    this.#progressAt = performance.now();
    this.#progress = this.#sink.progress;
    this.#schedule();
  }

  /**
   * Is there room for one more frame? What waits is offered to the system first, so that a burst
   * within one turn does not make a client slow.
   */
  #makeRoom(frame: string): boolean {
    const limit = this.#limits.maxBufferedAmount;
    const bytes = frame.length * 3 > limit ? this.#sink.byteLength(frame) : 0;
    if (!this.#isSurelyBelow(limit) && this.bufferedAmount > limit) {
      this.#flush();
      if (!this.open) return false;
      const waiting = this.bufferedAmount;
      // The remains of one large event may stay, together with what may wait beside it.
      if (waiting > limit && waiting + this.#sink.byteLength(frame) > limit + this.#oversizeBytes) {
        this.#onChange("slow-client");
        return false;
      }
    }
    if (bytes > limit) this.#oversizeBytes = Math.max(this.#oversizeBytes, bytes);
    return true;
  }

  /** A quick look that spares measuring the outbox: one UTF-16 unit is at most three bytes. */
  #isSurelyBelow(bytes: number): boolean {
    return this.#sink.bufferedAmount + this.#outbox.length * 3 <= bytes;
  }

  #isStalled(now: number): boolean {
    if (this.#progressAt < 0) return false;
    if (this.#sink.bufferedAmount === 0) {
      this.#progressAt = -1;
      return false;
    }
    const progress = this.#sink.progress;
    if (progress !== this.#progress) {
      this.#progress = progress;
      this.#progressAt = now;
    }
    return now - this.#progressAt >= this.#limits.stallTimeoutMs;
  }

  #schedule(): void {
    const { keepAliveMs, stallTimeoutMs } = this.#limits;
    const now = performance.now();
    let dueAt = this.open ? Math.min(this.#endsAt, this.#lastOutputAt + keepAliveMs) : Infinity;
    if (this.#progressAt >= 0) {
      const check = now + stallTimeoutMs / STALL_CHECKS;
      dueAt = Math.min(dueAt, check, Math.max(this.#progressAt + stallTimeoutMs, now));
    }
    if (dueAt === Infinity) return this.#scheduler.cancel(this);
    this.dueAt = dueAt;
    this.#scheduler.schedule(this);
  }

  #isEnded(): boolean {
    return this.#state === "ended";
  }

  /** The one door out of "open", and then out of "ending". */
  #leave(state: "ending" | "ended"): void {
    const wasOpen = this.open;
    this.#state = state;
    this.#scheduler.cancel(this);
    if (!wasOpen) return;
    this.#settleDrain(false);
    this.#onChange("ending");
  }

  #settleDrain(open: boolean): void {
    const drain = this.#drain;
    this.#drain = undefined;
    drain?.resolve(open);
  }
}
