import { getEventListeners } from "node:events";
import { expect } from "vitest";
import type { EventStream } from "../../src/core/stream.ts";
import { type CloseEvent, type EventEndpointOptions, ServerSentEvent } from "../../src/index.ts";
import type { Exchange, Handle, Host, StartHost } from "../contract/host.ts";
import { within } from "../support/inbox.ts";
import { RecordedStream, RecordingSink } from "../support/recording-sink.ts";
import { type Answer, HIGH_WATER_MARK, MAX_BUFFERED_AMOUNT, Model } from "./model.ts";
import { dataOf, type Operation, WRONG_CALLS } from "./operations.ts";

/** Data whose serializer calls the endpoint first. */
interface Reentrant {
  readonly inner: readonly Operation[];
  readonly text: string;
}

/** A source that gives what a test says, when the pipe asks for it. */
class ManualSource implements AsyncIterableIterator<unknown> {
  returns = 0;
  ask: { resolve(result: IteratorResult<unknown>): void; reject(error: Error): void } | undefined;

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown>> {
    return new Promise((resolve, reject) => (this.ask = { resolve, reject }));
  }

  /** The step under way is left as it is: it might never end. */
  async return(): Promise<IteratorResult<unknown>> {
    this.returns++;
    this.ask = undefined;
    return { done: true, value: undefined };
  }
}

/** An endpoint with its client: does what an operation says and writes down what comes of it. */
export abstract class System {
  answers: Answer[] = [];
  sends: (boolean | undefined)[] = [];
  readonly marks = new Set<string>();

  protected events!: EventStream;
  #closeEvents: CloseEvent[] = [];
  #errors = 0;
  #sources: ManualSource[] = [];
  /** Promises of close() and pipe() that are not settled. */
  #waits = new Set<Promise<void>>();
  #problems: string[] = [];
  #controller = new AbortController();

  /** Opens a stream on a new request. */
  protected abstract connect(
    options: EventEndpointOptions,
    lastEventId: string | undefined,
    method: "GET" | "HEAD",
  ): Promise<void>;
  /** What the client has, with its closing id as in the model. */
  abstract readonly text: string;
  protected abstract listen(): void;
  /** The client takes a part of what waits; returns how much is left. */
  protected abstract take(share: number, model: Model): Promise<number>;
  /** The client takes everything. */
  protected abstract drain(model: Model): Promise<void>;
  protected abstract leave(): void;
  /** Compares what can be compared while the stream is open. */
  abstract checkClient(model: Model): void;
  /** Waits for the end, which has begun. */
  protected abstract readToEnd(model: Model): Promise<void>;
  protected stall(): void {}

  /** Does one operation on the system and on the model, and compares them. */
  async run(op: Operation, model: Model): Promise<void> {
    switch (op.do) {
      case "open":
        return this.#open(op, model);
      case "listen":
        this.listen();
        break;
      case "take":
        model.took(await this.take(op.share, model));
        break;
      case "drain":
        await this.drain(model);
        model.isStalled = false;
        model.took(0);
        break;
      case "stall":
        this.stall();
        model.perform(op, []);
        break;
      case "leave":
        if (!model.isGone) this.leave();
        model.perform(op, []);
        await this.#closed();
        break;
      case "item":
      case "finish":
      case "fail":
        await this.#feed(op);
        model.perform(op, this.answers);
        break;
      default:
        this.#perform(op);
        model.perform(op, this.answers);
    }
    await eventLoop();
    this.#check(model);
  }

  /** Brings the stream to its end, if it has none, and looks at everything once more. */
  async finish(model: Model): Promise<void> {
    if (!this.events) return;
    if (!model.code) await this.run({ do: "close", noReconnect: false }, model);
    if (!model.isGone) {
      await this.readToEnd(model);
      model.took(0);
    }
    await this.#closed();
    await within(Promise.all(this.#waits), "end of close() and pipe()");
    await eventLoop();
    this.#check(model);
    expect(this.#closeEvents.map(({ code }) => code)).toEqual([model.code]);
    expect(this.sends).not.toContain(undefined);
    expect(getEventListeners(this.#controller.signal, "abort")).toEqual([]);
    expect(getEventListeners(this.events.signal, "abort")).toEqual([]);
  }

  async #open(op: Operation & { do: "open" }, model: Model): Promise<void> {
    await this.finish(model);
    const closingId = /^event: close\nid: (\S+)$/m.exec(this.rawText)?.[1];
    const brought = {
      nothing: undefined,
      "its cursor": model.lastEventId || undefined,
      "its closing id": closingId,
    }[op.brings];
    this.answers = [];
    this.sends = [];
    this.#closeEvents = [];
    this.#errors = 0;
    this.#sources = [];
    this.#controller = new AbortController();
    if (op.isAborted) this.#controller.abort();
    const options: EventEndpointOptions = {
      keepAlive: false,
      stallTimeout: Infinity,
      highWaterMark: HIGH_WATER_MARK,
      maxBufferedAmount: MAX_BUFFERED_AMOUNT,
      reconnectionTime: op.reconnectionTime,
      signal: this.#controller.signal,
      serialize: (data) => this.#serialize(data),
      closedClients: { has: (id) => this.marks.has(id), add: (id) => void this.marks.add(id) },
      onError: () => void this.#errors++,
    };
    await this.connect(options, brought, op.method);
    model.open(op, brought);
    await eventLoop();
    this.#check(model);
  }

  abstract readonly rawText: string;

  /** To be called as soon as there is an endpoint. */
  protected watch(events: EventStream): void {
    this.events = events;
    events.addEventListener("close", (event) => {
      this.#closeEvents.push(event);
      this.#callWhenOver("close");
    });
    if (events.closed) return;
    // Once, so that the end can be shown to leave no listener.
    events.signal.addEventListener("abort", () => this.#callWhenOver("abort"), { once: true });
  }

  #perform(op: Operation): void {
    const { events } = this;
    switch (op.do) {
      case "send": {
        const { id, event, retry } = op.draft;
        const text = dataOf(op.draft);
        const data = op.inner ? ({ inner: op.inner, text } satisfies Reentrant) : text;
        return this.#call(() => events.send(data, { id, event, retry }));
      }
      case "sendEvent": {
        const { id, event = "", retry } = op.draft;
        return this.#call(() => events.sendEvent(event, dataOf(op.draft), { id, retry }));
      }
      case "dispatchMessage":
        return this.#call(() => events.dispatchMessage(dataOf(op.draft)));
      case "dispatchComment":
        return this.#call(() => events.dispatchComment(dataOf(op.draft)));
      case "dispatchEvent": {
        const listener = (event: Event) => {
          for (const each of op.inner) this.#perform(each);
          if (op.isPrevented) event.preventDefault();
        };
        events.addEventListener("local", listener);
        this.#call(() => events.dispatchEvent(createEvent(op)));
        events.removeEventListener("local", listener);
        return;
      }
      case "wrong":
        return this.#call(() => events.send(...(WRONG_CALLS[op.call] as unknown as [unknown])));
      case "close": {
        const { noReconnect, reconnectionTime, reason } = op;
        const isPlain = reconnectionTime === undefined && reason === undefined;
        return this.#call(() => {
          const options = isPlain ? noReconnect : { noReconnect, reconnectionTime, reason };
          this.#wait(events.close(options));
          return "promise";
        });
      }
      case "abort":
        return this.#controller.abort();
      case "pipe": {
        const source = new ManualSource();
        this.#sources.push(source);
        return this.#wait(events.pipe(source, null, { end: op.end }));
      }
    }
  }

  #serialize(data: unknown): string {
    if ((data as { fails?: boolean } | undefined)?.fails) throw new Error("from the serializer");
    if (data === undefined) return undefined as unknown as string;
    const { inner, text } = data as Reentrant;
    for (const each of inner) this.#perform(each);
    return text;
  }

  #call(call: () => boolean | Promise<boolean> | "promise"): void {
    let result: Answer["result"];
    try {
      const value = call();
      if (value instanceof Promise) {
        const index = this.sends.push(undefined) - 1;
        const { sends } = this;
        void value.then((answer) => (sends[index] = answer));
        result = "promise";
      } else result = value;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      result = "TypeError";
    }
    this.#log(result);
  }

  #log(result: Answer["result"]): void {
    const { closed: isClosed, bufferedAmount } = this.events;
    this.answers.push({ result, isClosed, bufferedAmount });
  }

  async #feed(op: Operation & { do: "item" | "finish" | "fail" }): Promise<void> {
    const source = this.#sources.at(-1);
    const ask = source?.ask;
    if (!ask) return this.#log("not asked");
    source.ask = undefined;
    if (op.do === "item") {
      const { id, event, retry } = op.draft;
      const data = dataOf(op.draft);
      const detail = { data, event, retry, id: op.isWrong ? "a\nb" : id };
      ask.resolve({ done: false, value: new CustomEvent("message", { detail }) });
    } else if (op.do === "finish") ask.resolve({ done: true, value: undefined });
    else ask.reject(new Error("from the source"));
    await eventLoop();
    this.#log(true);
  }

  #wait(promise: Promise<void>): void {
    this.#waits.add(promise);
    void promise.then(() => this.#waits.delete(promise));
  }

  /** What user code may try when it hears of the end: nothing of it has an effect. */
  #callWhenOver(where: string): void {
    const { events } = this;
    const answers = [
      events.dispatchMessage("late"),
      events.dispatchComment("late"),
      events.dispatchEvent(new MessageEvent("late", { data: "late" })),
      !events.closed,
      !events.signal.aborted,
    ];
    if (answers.includes(true)) this.#problems.push(`in ${where}: ${answers.join()}`);
    for (const sent of [events.send("late", "late"), events.sendEvent("late", "late")]) {
      void sent.then((answer) => answer && this.#problems.push(`in ${where}: a late send`));
    }
    for (const noReconnect of [false, true]) this.#wait(events.close(noReconnect));
  }

  async #closed(): Promise<void> {
    const isClosed = async () => {
      while (this.#closeEvents.length === 0) await eventLoop();
    };
    await within(isClosed(), "close event");
  }

  #check(model: Model): void {
    const isOver = model.code !== undefined;
    // In one, because this is what a test takes its time for.
    expect({
      problems: this.#problems,
      results: this.answers.map(({ result }) => result),
      isClosed: this.events.closed,
      isAborted: this.events.signal.aborted,
      lastEventId: this.events.lastEventId,
      marks: [...this.marks],
      errors: this.#errors,
      returns: this.#sources.reduce((sum, { returns }) => sum + returns, 0),
      closesTwice: this.#closeEvents.length > 1,
    }).toEqual({
      problems: [],
      results: model.results,
      isClosed: isOver,
      isAborted: isOver,
      lastEventId: model.lastEventId,
      marks: [...model.marks],
      errors: model.errors,
      returns: model.returns,
      closesTwice: false,
    });
    for (const event of this.#closeEvents) {
      expect(event).toMatchObject({ type: "close", code: model.code });
      if (model.isGone) expect(event.reason).toBe(model.closeEvents[0]!.reason);
    }
    this.checkClient(model);
    this.checkEnd(model, this.#closeEvents, this.#waits.size);
  }

  protected abstract checkEnd(model: Model, events: readonly CloseEvent[], waits: number): void;
}

/** A stream over a sink that writes down what it is told. */
export class SinkSystem extends System {
  #sink = new RecordingSink();

  static create(): { model: Model; real: SinkSystem } {
    return { model: new Model(true), real: new SinkSystem() };
  }

  protected async connect(
    options: EventEndpointOptions,
    lastEventId: string | undefined,
    method: string,
  ): Promise<void> {
    this.#sink = new RecordingSink();
    this.watch(new RecordedStream(this.#sink, options, lastEventId, method));
  }

  get rawText(): string {
    const { head, writes } = this.#sink;
    return Buffer.from((head?.preamble ?? "") + writes.join("")).toString();
  }

  get text(): string {
    return hideClosingId(this.rawText);
  }

  protected listen(): void {}

  protected override stall(): void {
    // What flowed was taken.
    if (this.#sink.flows) this.#sink.owner.sinkDrained();
    this.#sink.flows = false;
  }

  protected async take(share: number): Promise<number> {
    const { bufferedAmount } = this.#sink;
    if (bufferedAmount > 0) this.#sink.take(Math.floor(bufferedAmount * share));
    return this.#sink.bufferedAmount;
  }

  protected async drain(): Promise<void> {
    this.#sink.flows = true;
    this.#sink.take();
  }

  protected leave(): void {
    this.#sink.owner.sinkClosed(this.#sink.bufferedAmount === 0);
  }

  protected readToEnd(): Promise<void> {
    return this.drain();
  }

  checkClient(model: Model): void {
    // What is written in the turn that makes the client too slow may be dropped.
    if (model.code === "slow-client") expect(model.text.startsWith(this.text)).toBe(true);
    else expectSameText(this.text, model.text);
    const { sends, waiting, code } = model;
    const { bufferedAmount } = this.events;
    expect({ sends: this.sends, waiting: code ? waiting : bufferedAmount }).toEqual({
      sends,
      waiting,
    });
    this.#checkEnds(model);
  }

  /** The sink is told of the end once, unless it was the one that told. */
  #checkEnds({ code, isGone }: Model): void {
    const { ends, aborts, head } = this.#sink;
    const told = ends + aborts.length;
    if (head?.preamble === "") expect(told).toBe(0);
    else if (!code || code === "client-left") expect(told).toBe(0);
    // A failure is told after what waits, and the client may leave before.
    else if (code === "source-failed" || !isGone) expect(told).toBeLessThanOrEqual(1);
    else expect(told).toBe(1);
    const breaksOff = code === "source-failed" || code === "slow-client";
    // A clean end after all would look complete.
    if (breaksOff) expect(ends).toBe(0);
  }

  protected checkEnd(model: Model, events: readonly CloseEvent[], waits: number): void {
    const seen = events.map(({ code, reason, wasClean }) => ({ code, reason, wasClean }));
    expect(seen).toEqual(model.closeEvents);
    if (model.isGone) expect(waits).toBe(0);
  }
}

/** An endpoint on a real server, with a real client. */
export class HostSystem extends System {
  readonly #host: Host;
  readonly #answerWith: (handle: Handle) => void;
  #client: Exchange | undefined;
  #read: Promise<boolean> | undefined;
  #hasBody = false;
  #hasLeft = false;
  #isBroken = false;

  private constructor(host: Host, answerWith: (handle: Handle) => void) {
    super();
    this.#host = host;
    this.#answerWith = answerWith;
  }

  /** Starts a server for any number of systems, one after the other. */
  static async start(
    start: StartHost,
  ): Promise<{ host: Host; create(): { model: Model; real: HostSystem } }> {
    let handle: Handle;
    const host = await start((open, request) => handle(open, request));
    const create = () => {
      const real = new HostSystem(host, (next) => (handle = next));
      return { model: new Model(false), real };
    };
    return { host, create };
  }

  protected async connect(
    options: EventEndpointOptions,
    lastEventId: string | undefined,
    method: string,
  ): Promise<void> {
    this.#read = undefined;
    this.#hasLeft = this.#isBroken = false;
    // An endpoint that is over already says so before anybody could wait for it.
    this.#answerWith((open) => this.watch(open(options)));
    const headers: Record<string, string> = {};
    if (lastEventId !== undefined) headers["Last-Event-ID"] = lastEventId;
    this.#client = await within(this.#host.request({ method, headers }), "answer");
    this.#hasBody = method !== "HEAD" && this.#client.status === 200;
  }

  get rawText(): string {
    return this.#client?.text ?? "";
  }

  get text(): string {
    return hideClosingId(this.rawText);
  }

  protected listen(): void {
    if (!this.#hasLeft) this.#read ??= this.#next();
  }

  async #next(): Promise<boolean> {
    if (this.#hasLeft || !this.#hasBody) return false;
    try {
      return await this.#client!.readChunk();
    } catch (error) {
      if (String(error).includes("Within")) throw error;
      this.#isBroken = true;
      return false;
    }
  }

  async #readChunk(): Promise<boolean> {
    const isThere = await (this.#read ?? this.#next());
    this.#read = undefined;
    return isThere;
  }

  #isComplete(model: Model): boolean {
    return this.rawText.length >= model.text.length && this.text.length >= model.text.length;
  }

  protected async take(_share: number, model: Model): Promise<number> {
    if (!this.#isComplete(model)) await this.#readChunk();
    return model.waiting === 0 || this.#isComplete(model)
      ? 0
      : Buffer.byteLength(model.text.slice(this.text.length));
  }

  protected async drain(model: Model): Promise<void> {
    while (!this.#isComplete(model) && (await this.#readChunk()));
    if (model.code) return;
    const isTaken = async () => {
      while (this.events.bufferedAmount > 0) await eventLoop();
    };
    await within(isTaken(), "end of what is buffered");
  }

  protected leave(): void {
    this.#hasLeft = true;
    this.#client!.abort();
  }

  protected async readToEnd(): Promise<void> {
    while (await this.#readChunk());
  }

  override async finish(model: Model): Promise<void> {
    await super.finish(model);
    if (!this.#client || this.#hasLeft) return;
    await within(this.readToEnd(), "end of the response");
    const mustBreak = model.code === "slow-client" || model.code === "source-failed";
    expect(this.#isBroken).toBe(mustBreak);
    if (!mustBreak) expectSameText(this.text, model.text);
  }

  checkClient(model: Model): void {
    expect(model.text.startsWith(this.text), "the client has what it ought to").toBe(true);
    for (const [index, sent] of this.sends.entries()) {
      const expected = model.sends[index];
      // Asked so often that an assertion for each would take most of the time.
      if (sent === expected) continue;
      if (expected !== undefined) expect(sent).toBe(expected);
      else if (!model.code) expect(sent).not.toBe(false);
    }
    expect(this.sends.length).toBe(model.sends.length);
  }

  protected checkEnd(model: Model, events: readonly CloseEvent[]): void {
    if (!model.isGone || this.#hasLeft || this.#isBroken) return;
    for (const { wasClean } of events) expect(wasClean).toBe(model.code !== "slow-client");
  }
}

function createEvent(op: Operation & { do: "dispatchEvent" }): Event {
  const { id } = op.draft;
  const data = dataOf(op.draft);
  const init = { cancelable: op.isCancelable };
  switch (op.kind) {
    case "MessageEvent":
      // By its shape: in Node 20 its constructor ignores `cancelable`.
      return Object.assign(new Event("local", init), { data, lastEventId: id ?? "" });
    case "ServerSentEvent":
      return new ServerSentEvent("local", { ...init, data, id });
    case "CustomEvent":
      return new CustomEvent("local", { ...init, detail: { data, id } });
    case "Event":
      return new Event("local", init);
  }
}

function eventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Closing ids are random: the model knows where they are. */
function hideClosingId(text: string): string {
  return text.replace(/(\nid: evt-closed\.)[0-9a-z.]+/, (_, start: string) => start);
}

/** Megabytes make no readable difference. */
function expectSameText(actual: string, expected: string): void {
  if (actual === expected) return;
  expect(actual.slice(0, 2000)).toBe(expected.slice(0, 2000));
  expect(actual.length).toBe(expected.length);
}
