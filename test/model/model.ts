import type { CloseCode } from "../../src/index.ts";
import { toWellFormed } from "../support/seed.ts";
import { dataOf, type Draft, type Operation } from "./operations.ts";

export const HIGH_WATER_MARK = 1_000;
export const MAX_BUFFERED_AMOUNT = 4_000;
/** What a client in the same process may have that its server does not know of: a window. */
const UNTOLD_BYTES = 65_536;
/** Stands for any closing id. */
export const CLOSING_ID = "evt-closed.";

/** What a call answered, and how the endpoint was right after it. */
export interface Answer {
  readonly result: boolean | "promise" | "TypeError" | "not asked";
  readonly isClosed: boolean;
  readonly bufferedAmount: number;
}

/** What an endpoint ought to be, whatever it runs on. Text is what its client gets in the end. */
export class Model {
  text = "";
  lastEventId = "";
  code: CloseCode | undefined = "closed";
  /** The close events so far; `wasClean` where the sink says what it took. */
  closeEvents: { code: CloseCode; reason: string; wasClean: boolean }[] = [];
  results: Answer["result"][] = [];
  /** What each send() answered; `undefined` while it waits. */
  sends: (boolean | undefined)[] = [];
  /** Faults that `onError` was told of. */
  errors = 0;
  piping: "close" | "keep-open" | undefined;
  /** How often sources were told that nobody reads them any more. */
  returns = 0;
  readonly marks = new Set<string>();
  isStalled = false;
  /** Bytes that the client has not taken: exactly on a recording sink, else at most. */
  waiting = 0;
  /** The largest event that may still be waiting, and the largest one above the limit. */
  #largest = 0;
  #oversize = 0;
  #accepted = false;
  #reason = "";
  readonly #isExact: boolean;

  /** @param isExact whether it is known what the client has taken, and so when it is too slow */
  constructor(isExact: boolean) {
    this.#isExact = isExact;
  }

  /** What may wait at most when a wait for the client must be over. A Fetch body tells late. */
  get #drainedAt(): number {
    return this.#isExact ? HIGH_WATER_MARK : 0;
  }

  get isGone(): boolean {
    return this.closeEvents.length > 0;
  }

  open(op: Operation & { do: "open" }, brought: string | undefined): void {
    Object.assign(this, { text: "", lastEventId: "", code: undefined, closeEvents: [] });
    Object.assign(this, { results: [], sends: [], errors: 0, returns: 0, waiting: 0 });
    this.#oversize = this.#largest = 0;
    this.#reason = "";
    this.#accepted = this.isStalled = false;
    if (brought?.startsWith(CLOSING_ID)) return this.end("refused");
    this.lastEventId = brought ?? "";
    if (this.lastEventId !== "" && this.marks.has(this.lastEventId)) return this.end("refused");
    if (op.method === "HEAD") return this.end("closed");
    const { reconnectionTime: retry } = op;
    this.text = retry === undefined ? ":\n" : `retry: ${retry}\n\n`;
    if (op.isAborted) this.end("aborted");
  }

  /** Does what was done to the endpoint; `answers` are those that it gave, inner ones first. */
  perform(op: Operation, answers: readonly Answer[]): void {
    const isOpen = this.code === undefined;
    const answer = () => answers[this.results.length]!;
    const log = (result: Answer["result"]) => void this.results.push(result);
    const performInner = (inner: readonly Operation[] = []) => {
      for (const each of inner) this.perform(each, answers);
    };
    switch (op.do) {
      case "send":
      case "sendEvent": {
        if (isOpen && op.do === "send") performInner(op.inner);
        const isAccepted = this.#accept(this.#format(op.draft), op.draft.id, answer());
        const waits = (this.#isExact ? this.waiting : answer().bufferedAmount) > HIGH_WATER_MARK;
        this.sends.push(isAccepted && waits ? undefined : isAccepted);
        return log("promise");
      }
      case "dispatchMessage":
        return log(this.#accept(this.#format({ data: dataOf(op.draft) }), undefined, answer()));
      case "dispatchComment":
        return log(this.#accept(prefix(": ", dataOf(op.draft)), undefined, answer()));
      case "dispatchEvent": {
        if (!isOpen) return log(false);
        performInner(op.inner);
        if (op.isCancelable && op.isPrevented) return log(false);
        if (op.kind === "Event") return log(true);
        // A MessageEvent cannot say "no id" but by an empty one.
        const id = op.kind === "MessageEvent" ? op.draft.id || undefined : op.draft.id;
        return log(this.#accept(this.#format({ ...op.draft, event: "local", id }), id, answer()));
      }
      case "wrong":
        if (!isOpen) this.sends.push(false);
        return log(isOpen ? "TypeError" : "promise");
      case "close": {
        if (isOpen && op.noReconnect && this.lastEventId !== "") this.marks.add(this.lastEventId);
        const retry = op.reconnectionTime === undefined ? "" : `retry: ${op.reconnectionTime}\n`;
        if (op.noReconnect) this.end("no-reconnect", goodbye(retry), op.reason);
        else this.end("closed", retry && `${retry}\n`, op.reason);
        return log("promise");
      }
      case "abort":
        return this.end("aborted");
      case "pipe":
        if (isOpen) this.piping = op.end;
        else this.returns++;
        return;
      case "item":
      case "finish":
      case "fail": {
        const { result } = answer();
        // A source is asked for nothing only while its last item waits for the client.
        const mayBeBlocked = !this.piping || this.waiting > this.#drainedAt;
        if (result === "not asked") return log(mayBeBlocked ? result : true);
        if (op.do === "item" && !op.isWrong) {
          this.#accept(this.#format(op.draft), op.draft.id, answer());
        } else if (op.do !== "finish") {
          this.errors++;
          // A source that fails is over; one whose item is wrong has to be told.
          if (op.do === "fail") this.piping = undefined;
          this.end("source-failed");
        } else {
          const { piping } = this;
          this.piping = undefined;
          if (piping === "close") this.end("source-ended", goodbye(""));
        }
        return log(true);
      }
      case "stall":
        if (this.#isExact && !this.isStalled) this.took(0);
        return void (this.isStalled = true);
      case "leave":
        if (this.isGone) return;
        this.#leave("client-left");
        return this.#gone();
    }
  }

  /** The client took bytes, all but so many. */
  took(waiting: number): void {
    this.waiting = waiting;
    if (waiting === 0) this.#oversize = this.#largest = 0;
    if (this.code === undefined) {
      if (waiting <= this.#drainedAt) this.#settle(true);
    } else if (waiting === 0 && !this.isGone) this.#gone();
  }

  end(code: CloseCode, lastFrame = "", reason = ""): void {
    if (this.code !== undefined) return;
    this.#reason = reason;
    this.#add(lastFrame);
    this.#leave(code);
    if (this.waiting === 0) this.#gone();
  }

  #accept(frame: string, id: string | undefined, answer: Answer): boolean {
    if (this.code !== undefined) return false;
    const bytes = Buffer.byteLength(frame);
    this.#largest = Math.max(this.#largest, bytes);
    if (bytes > MAX_BUFFERED_AMOUNT) this.#oversize = Math.max(this.#oversize, bytes);
    const total = this.waiting + bytes - MAX_BUFFERED_AMOUNT;
    // A server hears of what its client took a little later, and over HTTP/2 by whole writes.
    const slack = this.#isExact ? 0 : UNTOLD_BYTES;
    // Only when too much waits, and one large event does not count twice ...
    const mayBeSlow = this.waiting + slack > MAX_BUFFERED_AMOUNT && total + slack > this.#oversize;
    // ... but no more is ever held than the limit and one frame.
    const mustBeSlow = this.#isExact && mayBeSlow && total > this.#largest;
    if (mustBeSlow || (mayBeSlow && answer.isClosed)) {
      this.#leave("slow-client");
      this.#gone();
      return false;
    }
    this.#accepted = true;
    this.#add(frame);
    if (id !== undefined) this.lastEventId = id;
    return true;
  }

  #add(frame: string): void {
    this.text += toWellFormed(frame);
    if (this.isStalled || !this.#isExact) this.waiting += Buffer.byteLength(frame);
  }

  #leave(code: CloseCode): void {
    this.code ??= code;
    this.#settle(false);
    if (this.piping) this.returns++;
    this.piping = undefined;
  }

  #gone(): void {
    const wasClean = !this.#accepted || this.waiting === 0;
    this.closeEvents.push({ code: this.code!, reason: this.#reason, wasClean });
  }

  #settle(answer: boolean): void {
    // Only a recording sink says when it took what.
    if (answer || this.#isExact) this.sends = this.sends.map((settled) => settled ?? answer);
  }

  #format(draft: Draft): string {
    const { id, event, retry } = draft;
    return (
      (event ? `event: ${event}\n` : "") +
      (id === undefined ? "" : `id: ${id}\n`) +
      (retry === undefined ? "" : `retry: ${retry}\n`) +
      `${prefix("data: ", dataOf(draft))}\n`
    );
  }
}

function prefix(start: string, text: string): string {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => `${start}${line}\n`)
    .join("");
}

function goodbye(retry: string): string {
  return `event: close\nid: ${CLOSING_ID}\n${retry}data: \n\n`;
}
