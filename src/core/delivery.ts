import type { EventEndpointError } from "./errors.ts";
import { KEEP_ALIVE_FRAME } from "./frame.ts";
import type { StreamOptions } from "./options.ts";
import { type Deadline, findScheduler, type TurnTask } from "./scheduler.ts";
import type { ResponseHead, Sink, SinkOwner } from "./sink.ts";

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

  readonly #sink: Sink;
  readonly #onChange: (change: DeliveryChange) => void;
  readonly #limits: StreamOptions;
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

  constructor(sink: Sink, limits: StreamOptions, onChange: (change: DeliveryChange) => void) {
    this.#sink = sink;
    this.#limits = limits;
    this.#onChange = onChange;
    // ±20 %, so that streams which began together do not end together.
    this.#endsAt = this.#lastOutputAt + limits.maxDuration * (0.8 + 0.4 * Math.random());
  }

  /** A method, because what is written may tell that the client is gone. */
  isOpen(): boolean {
    return this.#state === "open";
  }

  get bufferedAmount(): number {
    const waiting = this.#sink.bufferedAmount;
    return this.#outbox === "" ? waiting : waiting + this.#sink.byteLength(this.#outbox);
  }

  /** Answers with the head; a status of 204 or an empty preamble end the response at once. */
  start(head: ResponseHead): void {
    this.#sink.open(this, head);
    if (this.isOpen()) this.#schedule();
  }

  /** Accepts a frame, unless the client is gone or turns out to be too slow. */
  accept(frame: string): boolean {
    if (!this.isOpen()) return false;
    if (!this.#hasRoom(frame)) this.#onChange("slow-client");
    // Writing may also have told that the client is gone.
    if (!this.isOpen()) return false;
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
    if (!this.#exceeds(this.#limits.highWaterMark) || !this.isOpen()) return undefined;
    if (!this.#drain) {
      let resolve: (open: boolean) => void = () => {};
      const promise = new Promise<boolean>((settle) => (resolve = settle));
      this.#drain = { promise, resolve };
    }
    return this.#drain.promise;
  }

  /** Ends cleanly after the last frame; with an error, visibly incomplete. */
  end(lastFrame: string, error?: EventEndpointError): void {
    if (!this.isOpen()) return;
    this.#outbox += lastFrame;
    this.#flush();
    // Writing may have told that the client is gone.
    if (!this.isOpen()) return;
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
    if (this.isOpen() && now >= this.#endsAt) return this.#onChange("max-duration");
    if (this.isOpen() && now >= this.#lastOutputAt + this.#limits.keepAlive) this.#keepAlive(now);
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

  #hasRoom(frame: string): boolean {
    const limit = this.#limits.maxBufferedAmount;
    const bytes = frame.length * 3 > limit ? this.#sink.byteLength(frame) : 0;
    if (this.#exceeds(limit)) {
      // The remains of one large event may stay, together with what may wait beside it.
      const total = this.bufferedAmount + (bytes || this.#sink.byteLength(frame));
      if (total > limit + this.#oversizeBytes) return false;
    }
    if (bytes > limit) this.#oversizeBytes = Math.max(this.#oversizeBytes, bytes);
    return true;
  }

  /** Is more than this waiting, even after all of it was offered to the system? */
  #exceeds(limit: number): boolean {
    // A quick look spares measuring the outbox: one UTF-16 unit is at most three bytes.
    if (this.#sink.bufferedAmount + this.#outbox.length * 3 <= limit) return false;
    if (this.bufferedAmount <= limit) return false;
    // So that a burst within one turn makes no client slow.
    this.#flush();
    return this.bufferedAmount > limit;
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
    return now - this.#progressAt >= this.#limits.stallTimeout;
  }

  #schedule(): void {
    const { keepAlive, stallTimeout } = this.#limits;
    const now = performance.now();
    let dueAt = this.isOpen() ? Math.min(this.#endsAt, this.#lastOutputAt + keepAlive) : Infinity;
    if (this.#progressAt >= 0) {
      const check = now + stallTimeout / STALL_CHECKS;
      dueAt = Math.min(dueAt, check, Math.max(this.#progressAt + stallTimeout, now));
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
    const wasOpen = this.isOpen();
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
