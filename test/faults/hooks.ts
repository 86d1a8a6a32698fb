import type {
  ErrorStage,
  EventEndpoint,
  EventEndpointOptions,
  EventHandlerResult,
} from "../../src/index.ts";
import type { Exchange } from "../contract/host.ts";

/** What of an endpoint the hooks use; the naive one has no more. */
export type Victim = Pick<
  EventEndpoint,
  "addEventListener" | "close" | "dispatchEvent" | "pipe" | "send" | "signal"
>;

export const HARM = new Error("harm");

/** How a callback can misbehave. */
const FAULTS = {
  throws: () => {
    throw HARM;
  },
  rejects: () => Promise.reject(HARM),
  "never resolves": () => new Promise(() => {}),
  "takes 10 ms": () => {
    for (const end = performance.now() + 10; performance.now() < end;);
  },
};

/** What a callback can do to the endpoint that called it. */
const RE_ENTRIES: Record<string, (events: Victim) => void> = {
  sends: (events) => void events.send("again"),
  dispatches: (events) => {
    events.dispatchEvent(new MessageEvent("again", { data: "again" }));
  },
  pipes: (events) => void events.pipe(["again"]),
  closes: (events) => void events.close(),
  "closes twice, for good": (events) => {
    void events.close(true);
    void events.close(true);
  },
};

export type Fault = keyof typeof FAULTS;
export const MISDEEDS = [...Object.keys(FAULTS), ...Object.keys(RE_ENTRIES)];

export function misbehave(misdeed: string, events: Victim | undefined): unknown {
  if (misdeed in FAULTS) return FAULTS[misdeed as Fault]();
  if (!events) throw new Error("There is nothing to re-enter yet");
  return RE_ENTRIES[misdeed]!(events);
}

/** One run of a hook. */
export interface Run {
  /** Misbehaves when called first; returns the value if that did not make another. */
  harm(value?: unknown): any;
  /** Aborts `options.signal`. */
  abort(): void;
  events: Victim;
  client: Exchange;
}

/** A place where code of the user's is called. */
export interface Hook {
  options?(run: Run): EventEndpointOptions;
  headers?: Record<string, string>;
  /** What the handler does, besides keeping the endpoint. */
  handle?(run: Run): EventHandlerResult | Promise<EventHandlerResult>;
  /** Makes the endpoint call the hook, once the client is there. */
  trigger?(run: Run): unknown;
  /** The fault that `onError` must be told of, once, by misdeed. */
  told?: Partial<Record<Fault, ErrorStage>>;
  /** Listeners: what they throw is uncaught, as on any EventTarget of Node. */
  listens?: true;
  /** Misbehaving must not make it be called again. */
  once?: true;
  /** What there is nothing to test about: no endpoint yet, or the promise is the user's data. */
  skips?: readonly string[];
  /** The client leaves at the end, not the server. */
  leaves?: true;
}

/** A source that is told what to do when it is asked. */
export function iterable(next: () => unknown, onReturn?: () => unknown): AsyncIterable<unknown> {
  let asked = 0;
  const end = { done: true, value: undefined };
  return {
    [Symbol.asyncIterator]: () =>
      ({
        next: () => (asked++ === 0 ? next() : end),
        ...(onReturn && { return: onReturn }),
      }) as AsyncIterator<unknown>,
  };
}

const SOURCE = { throws: "source", rejects: "source" } as const;
const item = { done: false, value: "item" };
const forever = () => new Promise<never>(() => {});

/** A source of events whose own methods are the hook. */
class ForeignTarget extends EventTarget {
  readonly #hook: () => unknown;
  readonly #where: "add" | "remove";

  constructor(where: "add" | "remove", hook: () => unknown) {
    super();
    this.#where = where;
    this.#hook = hook;
  }

  override addEventListener(...args: Parameters<EventTarget["addEventListener"]>): void {
    if (this.#where === "add") return this.#hook() as undefined;
    super.addEventListener(...args);
  }

  override removeEventListener(...args: Parameters<EventTarget["removeEventListener"]>): void {
    if (this.#where === "remove") return this.#hook() as undefined;
    super.removeEventListener(...args);
  }
}

export const HOOKS: Record<string, Hook> = {
  "a close listener, closed by the server": {
    handle: ({ events, harm }) => events.addEventListener("close", () => harm()),
    trigger: ({ events }) => events.close(),
    listens: true,
    once: true,
  },
  "a close listener, left by the client": {
    handle: ({ events, harm }) => events.addEventListener("close", () => harm()),
    trigger: ({ client }) => client.abort(),
    listens: true,
    once: true,
  },
  "another listener": {
    handle: ({ events, harm }) => events.addEventListener("tick", () => harm()),
    trigger: ({ events }) => events.dispatchEvent(new MessageEvent("tick", { data: "x" })),
    listens: true,
  },
  "a listener of events.signal": {
    handle: ({ events, harm }) => events.signal.addEventListener("abort", () => harm()),
    trigger: ({ events }) => events.close(),
    listens: true,
  },
  "a listener of options.signal": {
    options(run) {
      const controller = new AbortController();
      controller.signal.addEventListener("abort", () => run.harm());
      run.abort = () => controller.abort();
      return { signal: controller.signal };
    },
    trigger: ({ abort }) => abort(),
    listens: true,
  },
  "serialize, for send()": {
    options: (run) => ({ serialize: () => run.harm("text") }),
    // What it throws is the sender's to see.
    trigger({ events }) {
      try {
        void events.send({});
      } catch {
        // A TypeError; see the contract.
      }
    },
  },
  "serialize, for pipe()": {
    options: (run) => ({ serialize: () => run.harm("text") }),
    trigger: ({ events }) => void events.pipe([{}]),
    told: { throws: "message", rejects: "message", "never resolves": "message" },
  },
  toMessage: {
    trigger: ({ events, harm }) => void events.pipe(["x"], () => harm({ data: "x" })),
    told: { throws: "message", rejects: "message", "never resolves": "message" },
  },
  "next() of an iterator": {
    trigger: ({ events, harm }) => void events.pipe(iterable(() => harm(item))),
    told: SOURCE,
  },
  "next() of what a handler returned": {
    handle: ({ harm }) => iterable(() => harm(item)),
    told: SOURCE,
  },
  "return() of an iterator": {
    handle: ({ harm }) => iterable(forever, () => harm()),
    leaves: true,
    told: SOURCE,
  },
  "pull() of a ReadableStream": {
    trigger({ events, harm }) {
      const strategy = { highWaterMark: 0 };
      void events.pipe(new ReadableStream({ pull: () => harm() }, strategy));
    },
    told: SOURCE,
  },
  "cancel() of a ReadableStream": {
    handle: ({ harm }) => new ReadableStream({ cancel: () => harm() }),
    leaves: true,
    told: SOURCE,
  },
  "an event of an EventTarget": {
    trigger({ events, harm }) {
      const source = new EventTarget();
      void events.pipe(source);
      const event = Object.defineProperty(new Event("message"), "data", { get: () => harm("x") });
      source.dispatchEvent(Object.assign(event, { id: "1" }));
    },
    told: { throws: "message" },
    skips: ["rejects", "never resolves"],
  },
  "addEventListener() of an EventTarget": {
    trigger: ({ events, harm }) => void events.pipe(new ForeignTarget("add", () => harm())),
    skips: ["rejects", "never resolves"],
    told: { throws: "source" },
  },
  "removeEventListener() of an EventTarget": {
    handle: ({ harm }) => new ForeignTarget("remove", () => harm()),
    leaves: true,
    skips: ["rejects", "never resolves"],
    told: { throws: "source" },
  },
  "closedClients.has": {
    options: (run) => ({ closedClients: { has: () => run.harm(false), add() {} } }),
    headers: { "Last-Event-ID": "7" },
    once: true,
    told: { throws: "closed-clients", rejects: "closed-clients" },
    skips: Object.keys(RE_ENTRIES),
  },
  "closedClients.add": {
    options: (run) => ({ closedClients: { has: () => false, add: () => run.harm() } }),
    headers: { "Last-Event-ID": "7" },
    once: true,
    trigger: ({ events }) => void events.close(true),
    told: { throws: "closed-clients", rejects: "closed-clients" },
  },
  onError: {
    options: (run) => ({ onError: () => run.harm() }),
    trigger: ({ events }) => {
      const failing = iterable(() => Promise.reject(new Error("first")));
      void events.pipe(failing);
    },
  },
  "the handler of eventHandler()": {
    handle: ({ harm }) => harm(),
    told: { throws: "handler", rejects: "handler" },
  },
};
