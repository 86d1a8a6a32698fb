import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Check, compile } from "./compile.ts";
import { Consumer } from "./consumer.ts";

/** What people write, each a file of its own; an unused `@ts-expect-error` is an error. */
const PROGRAMS: Record<string, string> = {
  "a Request is answered with a Response": `
    const events = new EventEndpoint(request);
    const response: Response = events.response;
    // @ts-expect-error: it is never null
    const none: null = events.response;
    new EventEndpoint(request, { keepAlive: 1000 });
    // @ts-expect-error: options, no Node response
    new EventEndpoint(request, res);
    // @ts-expect-error: there is no such option
    new EventEndpoint(request, { keepalive: 1000 });
    // @ts-expect-error: nothing is sent where nobody asked
    new EventEndpoint();
  `,
  "the pair of node:http needs no Response": `
    http.createServer((req, res) => {
      const events = new EventEndpoint(req, res, { keepAlive: false });
      const none: null = events.response;
      // @ts-expect-error: there is none
      const response: Response = events.response;
    });
    https.createServer({}, (req, res) => void new EventEndpoint(req, res).send("Hello"));
  `,
  "the pair of node:http2 needs no Response": `
    http2.createServer((req, res) => {
      const none: null = new EventEndpoint(req, res).response;
    });
    http2.createSecureServer({ allowHTTP1: true }, (req, res) => {
      const none: null = new EventEndpoint(req, res, {}).response;
    });
  `,
  "a Node request without its response is an error": `
    // @ts-expect-error
    new EventEndpoint(req);
    // @ts-expect-error: options are no response
    new EventEndpoint(req, { keepAlive: 1000 });
    // @ts-expect-error
    http2.createServer((req) => void new EventEndpoint(req));
    // @ts-expect-error: a request is no response
    new EventEndpoint(req, req);
  `,
  "a request that may be of either kind has a response of either kind": `
    function answer(events: EventEndpoint): Response | null {
      // @ts-expect-error: it may be null
      const response: Response = events.response;
      return events.response;
    }
    answer(new EventEndpoint(request) as EventEndpoint);
  `,
  "sendEvent checks typed events": `
    interface Tick { count: number }
    const events = new EventEndpoint<Request, { tick: Tick; done: null }>(request);
    const sent: Promise<boolean> = events.sendEvent("tick", { count: 1 });
    events.sendEvent("tick", { count: 1 }, "id");
    events.sendEvent("tick", { count: 1 }, { id: "id", retry: 1000 });
    events.sendEvent("done", null);
    // @ts-expect-error: a number
    events.sendEvent("tick", { count: "1" });
    // @ts-expect-error: the data of another event
    events.sendEvent("tick", null);
    // @ts-expect-error: no such event
    events.sendEvent("tock", { count: 1 });
    // @ts-expect-error: no such field
    events.sendEvent("tick", { count: 1 }, { ID: "id" });
    const onNode = new EventEndpoint<http.IncomingMessage, { tick: Tick }>(req, res);
    // @ts-expect-error: a number
    onNode.sendEvent("tick", { count: "1" });
    new EventEndpoint(request).sendEvent("anything", { at: "all" });
  `,
  "send takes any data, and fields by name": `
    const events = new EventEndpoint(req, res);
    const sent: Promise<boolean> = events.send({ any: ["data", 1, null] });
    events.send("text", "id");
    events.send("text", { id: "id", event: "tick", retry: 1000 });
    // @ts-expect-error: milliseconds
    events.send("text", { retry: "1 s" });
    const now: boolean = events.dispatchMessage("text");
    const comment: boolean = events.dispatchComment("text");
    const event: boolean = events.dispatchEvent(new ServerSentEvent("tick", { data: 1, id: 1 }));
    // @ts-expect-error: a comment is text
    events.dispatchComment(1);
    // @ts-expect-error: read only
    events.closed = true;
  `,
  "the close event has a code of a known set": `
    const events = new EventEndpoint(request);
    events.addEventListener("close", (event) => {
      const close: CloseEvent = event;
      const clean: boolean = event.wasClean;
      const code: CloseCode = event.code;
      // @ts-expect-error: no such code
      if (event.code === "timeout") return;
      switch (event.code) {
        case "client-left": case "closed": case "no-reconnect": case "refused":
        case "slow-client": case "max-duration": case "aborted":
        case "source-ended": case "source-failed": case "channel-full": return;
        default: {
          const known: never = event.code;
        }
      }
    });
    events.addEventListener("tick", (event: Event) => event.type, { once: true });
    events.addEventListener("message", { handleEvent: (event: Event) => event.type });
    const closed: Promise<void> = events.close({ noReconnect: true, reason: "over" });
    events.signal.throwIfAborted();
  `,
  "what Express makes of the Node pair fits": `
    interface ExpressRequest extends http.IncomingMessage {
      params: Record<string, string>; query: Record<string, unknown>; path: string;
      get(name: string): string | undefined;
    }
    interface ExpressResponse<Body = any> extends http.ServerResponse {
      locals: Record<string, any>; headersSent: boolean;
      status(code: number): this; send(body?: Body): this; json(body?: Body): this;
      get(name: string): string | undefined; set(name: string, value?: string | string[]): this;
    }
    const handler = (req: ExpressRequest, res: ExpressResponse, next: () => void) => {
      const none: null = new EventEndpoint(req, res).response;
      // @ts-expect-error: the response is missing
      new EventEndpoint(req);
    };
    class MyRequest extends http.IncomingMessage { user = "me" }
    class MyResponse extends http.ServerResponse<MyRequest> { flush(): void {} }
    http.createServer({ IncomingMessage: MyRequest, ServerResponse: MyResponse }, (req, res) => {
      const events: EventEndpoint<MyRequest> = new EventEndpoint(req, res);
    });
    const route: (req: ExpressRequest, res: ExpressResponse, next: () => void) => void =
      eventHandler((events) => void events.send("Hello"));
  `,
  "what Hono, Next.js and srvx make of Request fits": `
    class HonoRequest extends Request {
      param(name: string): string { return name; }
    }
    interface NextRequest extends Request { cookies: Map<string, string>; nextUrl: URL }
    interface ServerRequest extends Request { runtime?: { name: string }; ip?: string }
    const response: Response = new EventEndpoint(new HonoRequest("http://localhost")).response;
    const GET = (request: NextRequest): Response => new EventEndpoint(request).response;
    const fetch = (request: ServerRequest): Response => {
      const events = new EventEndpoint<ServerRequest, { tick: number }>(request, {});
      void events.sendEvent("tick", 1);
      return events.response;
    };
    class Ticker extends EventEndpoint<Request, { tick: number }> {
      tick(): Promise<boolean> { return this.sendEvent("tick", 1); }
    }
    const answer: Response = new Ticker(request).response;
  `,
  "await using closes it": `
    async function answer(): Promise<void> {
      await using events = new EventEndpoint(req, res);
      await events.send("Hello");
    }
  `,
  "eventHandler serves both styles": `
    const clock = eventHandler<{ tick: number }>(async function* (events, request) {
      void events.sendEvent("tick", 1);
      // @ts-expect-error: a number
      void events.sendEvent("tick", "1");
      yield new Date();
    }, { maxDuration: 60_000 });
    http.createServer(clock);
    http2.createServer(clock);
    const response: Response = clock(request);
    const nothing: void = clock(req, res);
    const exported: { fetch(request: Request): Response } = { fetch: clock };
    // @ts-expect-error: the response is missing
    clock(req);
    // @ts-expect-error: a number is no source
    eventHandler(() => 1);
  `,
  "pipe takes every kind of source": `
    const events = new EventEndpoint(request);
    const done: Promise<void> = events.pipe([1, 2]);
    void events.pipe((async function* () { yield "text"; })(), (item) => ({ data: item.length }));
    void events.pipe(new ReadableStream<string>(), (item) => ({ data: item, id: item.length }));
    void events.pipe(new EventTarget(), undefined, { types: ["tick"], end: "keep-open" });
    // @ts-expect-error: no source
    void events.pipe(1);
    // @ts-expect-error: "close" or "keep-open"
    void events.pipe([1], undefined, { end: "open" });
  `,
  "a channel takes every endpoint, and knows topics, filters and what send() promises": `
    const channel = new EventChannel();
    http.createServer((req, res) => void channel.add(new EventEndpoint(req, res)));
    http2.createServer((req, res) => void channel.add(new EventEndpoint(req, res), { topics: ["a"] }));
    const typed = new EventEndpoint<Request, { tick: number }>(request);
    const live: Promise<boolean> = channel.add(typed, {
      topics: ["news", "sport"] as const,
      filter: (entry, events) => entry.topic !== undefined && events.response.ok,
    });
    const isMember: boolean = channel.has(typed);
    const wasMember: boolean = channel.delete(typed);
    const size: number = channel.size;
    for (const events of channel) {
      void events.send(events.lastEventId);
      channel.delete(events);
    }
    const id: Promise<string> = channel.send({ any: "data" }, { topic: "a", transient: true, retry: 5 });
    void channel.send("x", "id").catch((error: unknown) => error instanceof EventEndpointError);
    void channel.sendEvent("anything", { at: "all" }, { topic: "a" });
    const sent: boolean = channel.dispatchEvent(new ServerSentEvent("tick", { data: 1 }));
    const closed: Promise<void> = channel.close({ noReconnect: true, spread: [0, 1000] });
    void channel.close();
    // @ts-expect-error: it is no endpoint
    channel.add(request);
    // @ts-expect-error: a list
    channel.add(typed, { topics: "news" });
    // @ts-expect-error: at once
    channel.add(typed, { filter: async () => true });
    // @ts-expect-error: an answer
    channel.add(typed, { filter: () => {} });
    // @ts-expect-error: no such option
    channel.add(typed, { topic: "news" });
    // @ts-expect-error: no such field
    channel.send("x", { topics: ["a"] });
    // @ts-expect-error: both ends
    channel.close({ spread: [1000] });
    // @ts-expect-error: read only
    channel.size = 0;
  `,
  "filters can be written apart, for the endpoints that they know": `
    const channel = new EventChannel({ log: false });
    interface User { name: string }
    const users = new WeakMap<EventEndpoint, User>();
    const ofUser = (entry: LogEntry, events: EventEndpoint) => users.get(events)?.name === entry.topic;
    const ofNode: EventFilter<EventEndpoint<http.IncomingMessage>> = (entry, events) => !events.closed;
    const ofAny: EventFilter = ({ data }, events) => data !== events.lastEventId;
    class Session extends EventEndpoint<Request, { tick: number }> { user = "ann" }
    const session = new Session(request);
    void channel.add(session, { filter: ({ topic }, { user }) => topic === user });
    void channel.add(session, { filter: ofUser });
    void channel.add(session, { filter: ofAny });
    void channel.add(new EventEndpoint(req, res), { filter: ofNode });
    void channel.add(new EventEndpoint(req, res), { filter: ofUser });
    const options: MemberOptions = { topics: ["a"], filter: ofAny };
    void channel.add(session, options);
    function join(events: EventEndpoint, { topics }: MemberOptions<EventEndpoint>): Promise<boolean> {
      return channel.add(events, { topics });
    }
    void join(session, {});
    void join(new EventEndpoint(req, res), {});
    // @ts-expect-error: the channel has other endpoints
    void channel.add(session, { filter: ofNode });
  `,
  "the events of a channel can be typed": `
    interface Tick { price: number }
    const channel = new EventChannel<{ tick: Tick; done: null }>();
    void channel.sendEvent("tick", { price: 7 }, { topic: "a" });
    void channel.sendEvent("done", null, "id");
    // @ts-expect-error: a number
    void channel.sendEvent("tick", { price: "7" });
    // @ts-expect-error: no such event
    void channel.sendEvent("tock", { price: 7 });
    // @ts-expect-error: the type is given already
    void channel.sendEvent("done", null, { event: "tick" });
    void channel.add(new EventEndpoint(req, res));
    void channel.add(new EventEndpoint<Request, { tick: Tick; done: null }>(request));
    const any: EventChannel = new EventChannel();
    class Ticker extends EventChannel<{ tick: Tick }> {
      tick(price: number): Promise<string> { return this.sendEvent("tick", { price }); }
    }
    void new Ticker({ log: new MemoryEventLog({ maxEntries: 10, maxAge: 1000, maxBytes: Infinity }) }).tick(7);
    // @ts-expect-error: true is no log
    new EventChannel({ log: true });
    // @ts-expect-error: no such option
    new MemoryEventLog({ size: 1 });
  `,
  "a log can be written by anybody, with promises or without": `
    class DatabaseLog implements EventLog {
      lastId = "";
      readonly maxEntries = 1000;
      readonly #rows: LogEntry[] = [];
      async append(message: EventMessage): Promise<LogEntry> {
        const entry = { ...message, id: "e-1" };
        this.#rows.push(entry);
        return entry;
      }
      async after(id: string, limit: number): Promise<LogEntry[] | undefined> {
        return id ? this.#rows.slice(0, limit) : undefined;
      }
      async follow(listener: EventLogListener): Promise<Disposable> {
        listener.gap();
        for (const row of this.#rows) listener.entry(row);
        return { [Symbol.dispose]: () => {} };
      }
    }
    const immediate: EventLog = {
      get lastId() { return "e-0"; },
      append: (message) => ({ ...message, id: "e-1" }),
      after: () => undefined,
      follow: () => ({ [Symbol.dispose]() {} }),
    };
    const memory: EventLog = new MemoryEventLog();
    const channel = new EventChannel({
      log: new DatabaseLog(),
      onError: (error, { stage }) => {
        const known: ErrorStage = stage;
        if (stage === "log" || stage === "filter") console.error(error);
        // @ts-expect-error: no such stage
        if (stage === "database") return;
      },
    });
    const code: EventEndpointErrorCode = new EventEndpointError("log-unavailable", "text").code;
    // @ts-expect-error: what it keeps is missing
    const forgetful: EventLog = { lastId: "", append: immediate.append, follow: immediate.follow };
  `,
  "events can be read, and logs checked, in anybody's tests": `
    async function read(): Promise<void> {
      for await (const { event, data, id, retry } of readEvents(new EventEndpoint(request).response)) {
        const text: string = event + data + id;
        const ms: number | undefined = retry;
      }
      const options = { lastEventId: "1", headers: { a: "b" }, signal: AbortSignal.timeout(1) };
      const { value } = await readEvents("http://localhost/", options).next();
      const first: ParsedEvent | void = value;
      void readEvents(new URL("http://localhost/")).return();
      // @ts-expect-error: a request is no response
      readEvents(request);
      // @ts-expect-error: it may be null
      readEvents((new EventEndpoint(request) as EventEndpoint).response);
    }
    declare function test(name: string, run: () => Promise<void>): void;
    for (const { name, run } of eventLogContract({ open: () => new MemoryEventLog() })) test(name, run);
    const checks: ContractCheck[] = eventLogContract({
      open: async () => new MemoryEventLog(),
      openAgain: async (log) => log,
      close: async (log) => void log.lastId,
      timeout: 100,
    });
    // @ts-expect-error: what is to be checked?
    eventLogContract({});
  `,
  "compat has the classes of others": `
    const target = new ServerSentEventStreamTarget({ keepAlive: true });
    const response: Response = target.asResponse({ headers: { "x-a": "b" } });
    const endpoint: EventEndpoint<Request> = target;
    void target.sendEvent("anything", { at: "all" });
    const event: ServerSentEvent = new OakServerSentEvent("tick", { any: "data" }, { id: 1 });
    const message: SSEMessage = { data: 1, event: "tick" };
    const custom: CustomEvent<SSEMessage> = new SSEMessage(message);
    // @ts-expect-error: the data is missing
    new SSEEvent({ event: "tick" });
  `,
};

const PREAMBLE = `
  import http from "node:http";
  import http2 from "node:http2";
  import https from "node:https";
  import { EventChannel, EventEndpoint, EventEndpointError, MemoryEventLog, ServerSentEvent, eventHandler } from "event-endpoint";
  import type { CloseCode, CloseEvent, ErrorStage, EventEndpointErrorCode, EventFilter, EventLog, EventLogListener, EventMessage, LogEntry, MemberOptions } from "event-endpoint";
  import { OakServerSentEvent, ServerSentEventStreamTarget, SSEEvent, SSEMessage } from "event-endpoint/compat";
  import { RedisEventLog } from "event-endpoint/redis";
  import { type ContractCheck, eventLogContract, type ParsedEvent, readEvents } from "event-endpoint/testing";
  declare const request: Request;
  declare const req: http.IncomingMessage;
  declare const res: http.ServerResponse;
`;

/** What each entry point declares: the values, and after them the types. */
const DECLARED: Record<string, string[]> = {
  "event-endpoint": [
    ...["CloseEvent", "EventChannel", "EventEndpoint", "EventEndpointError", "EventStream"],
    ...["MemoryClosedClients", "MemoryEventLog", "ServerSentEvent", "eventHandler"],
    ...["ChannelCloseOptions", "ChannelFields", "CloseCode", "CloseOptions", "ClosedClients"],
    ...["DefaultEvents", "EndpointEventMap", "ErrorStage", "EventChannelOptions"],
    ...["EventEndpointErrorCode", "EventEndpointOptions", "EventFields", "EventFilter"],
    ...["EventHandler", "EventHandlerResult", "EventLog", "EventLogListener", "EventMessage"],
    ...["LogEntry", "MemberOptions", "MemoryClosedClientsOptions"],
    ...["MemoryEventLogOptions", "Message", "NodeRequest", "NodeResponse", "PipeOptions"],
    ...["ServerSentEventInit", "Source"],
  ],
  "event-endpoint/compat": [
    ...["OakServerSentEvent", "SSEEvent", "SSEMessage", "ServerSentEvent"],
    ...["ServerSentEventStreamTarget"],
    ...["OakServerSentEventInit", "ServerSentEventInit", "ServerSentEventTargetOptions"],
  ],
  "event-endpoint/redis": [
    ...["RedisClosedClients", "RedisEventLog"],
    ...["RedisClient", "RedisClosedClientsOptions", "RedisEventLogOptions"],
  ],
  "event-endpoint/testing": [
    ...["eventLogContract", "readEvents"],
    ...["ContractCheck", "EventLogContractOptions", "ParsedEvent", "ReadEventsOptions"],
  ],
};

const NODE = ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"];
const DOM = ["lib.dom.d.ts", "lib.dom.iterable.d.ts"];
const NODE_NEXT = {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
};
const BUNDLER = {
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
};

let consumer: Consumer;
beforeAll(async () => {
  consumer = await Consumer.create();
});
afterAll(() => consumer[Symbol.asyncDispose]());

const fileNames = new Map(Object.keys(PROGRAMS).map((name, index) => [name, `case-${index}.mts`]));
const allPrograms = Object.fromEntries(
  Object.entries(PROGRAMS).map(([name, code]) => [fileNames.get(name)!, PREAMBLE + code]),
);

describe.each([
  ["module: nodenext", NODE_NEXT],
  ["moduleResolution: bundler", BUNDLER],
])("the types under %s", (_mode, options) => {
  let check: Check;
  beforeAll(async () => {
    check = await compile(consumer, allPrograms, {
      ...options,
      lib: [...NODE, ...DOM],
      types: ["node"],
    });
  });

  it("are right in themselves", () => {
    expect(check.errorsOfPackage()).toEqual([]);
  });

  it.each([...fileNames])("say: %s", (_name, file) => {
    expect(check.errorsIn(file)).toEqual([]);
  });

  it.each(Object.entries(DECLARED))("have exactly the listed names: %s", (entryPoint, names) => {
    expect(check.namesFrom("case-0.mts", entryPoint)).toEqual(names);
  });
});

describe("the types in other projects", () => {
  it("serve CommonJS, which may require() the package", async () => {
    const code = `
      import { EventEndpoint } from "event-endpoint";
      import compat = require("event-endpoint/compat");
      export const endpoint: EventEndpoint<Request> = new compat.ServerSentEventStreamTarget();
      // @ts-expect-error: an endpoint is no number
      export const number: number = endpoint;
    `;
    const lib = [...NODE, ...DOM];
    const check = await compile(
      consumer,
      { "a.cts": code },
      { ...NODE_NEXT, lib, types: ["node"] },
    );
    expect([...check.errorsIn("a.cts"), ...check.errorsOfPackage()]).toEqual([]);
  });

  it("need no types of Node, on Workers and Deno", async () => {
    const code = `
      import { EventChannel, EventEndpoint } from "event-endpoint";
      import { SSEEvent } from "event-endpoint/compat";
      import { readEvents } from "event-endpoint/testing";
      const channel = new EventChannel();
      export const read = readEvents("http://localhost/");
      export default {
        fetch(request: Request): Response {
          const events = new EventEndpoint(request);
          void channel.add(events, { filter: (entry, { response }) => response.ok });
          events.dispatchEvent(new SSEEvent({ data: "Hello" }));
          // @ts-expect-error: it is never null
          const none: null = events.response;
          return events.response;
        },
      };
    `;
    const lib = ["lib.es2022.d.ts", "lib.esnext.disposable.d.ts", "lib.webworker.d.ts"];
    const check = await compile(consumer, { "a.mts": code }, { ...BUNDLER, lib, types: [] });
    expect([...check.errorsIn("a.mts"), ...check.errorsOfPackage()]).toEqual([]);
  });

  it("need nothing of the DOM on Node", async () => {
    const code = `
      import { EventEndpoint } from "event-endpoint";
      import "event-endpoint/compat";
      import { readEvents } from "event-endpoint/testing";
      declare const request: Request;
      export const response: Response = new EventEndpoint(request).response;
      export const events = readEvents(response);
    `;
    const check = await compile(
      consumer,
      { "a.mts": code },
      { ...NODE_NEXT, lib: NODE, types: ["node"] },
    );
    expect(check.errorsIn("a.mts")).toEqual([]);
    expect(check.errorsOfPackage()).toEqual([]);
  });
});
