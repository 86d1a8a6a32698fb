/**
 * A process with a server of each kind that lives through many lifecycles of endpoints, and then
 * looks for what they left behind. Started with `--expose-gc` and a plan; sends its report.
 */
import { type EventEmitter, getEventListeners, once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import { type AddressInfo, connect, type Server, type Socket } from "node:net";
import v8 from "node:v8";
import {
  EventChannel,
  EventEndpoint,
  type EventEndpointOptions,
  MemoryClosedClients,
  MemoryEventLog,
} from "../../src/index.ts";
import { bridge } from "../support/fetch-bridge.ts";
import { within } from "../support/inbox.ts";
import { reportProgress } from "../support/progress.ts";
import { watchTimers } from "../support/timers.ts";
import { NaiveEndpoint } from "./naive-endpoint.ts";
import type { Plan, Report } from "./plan.ts";

const { subject, cycles, plants } = JSON.parse(process.argv[2]!) as Plan;
const Subject = subject === "naive" ? NaiveEndpoint : EventEndpoint;

const progress = reportProgress("lifecycles", cycles);
const faults: string[] = [];
for (const event of ["warning", "unhandledRejection", "uncaughtException"]) {
  (process as NodeJS.EventEmitter).on(event, (fault) => faults.push(`${event}: ${fault}`));
}

/** Not one that is watched. */
const { setTimeout: later } = globalThis;
const timers = watchTimers();

/** Lives as long as the process, like that of a server's shutdown. */
const shutdown = new AbortController();
const emitter = new EventTarget();
const closedClients = new MemoryClosedClients({ maxEntries: 100 });
const large = "x".repeat(262_144);

/** A log that keeps little, and that no time is kept for. */
const createLog = () => new MemoryEventLog({ maxEntries: 50, maxAge: Infinity });
const channel = new EventChannel({ log: createLog() });
/** What was sent to the channel last. */
const recent: string[] = [];

let opened = 0;
let closed = 0;
const kept = new Set<unknown>();

/** What is left behind by one cycle in a thousand, if the plan says so. */
function neglect(events: EventEndpoint): void {
  if (!plants || opened % 1000 !== 500) return;
  kept.add(events);
  shutdown.signal.addEventListener("abort", () => {});
  kept.add(new EventChannel());
  globalThis.setInterval(() => {}, 60_000).unref();
}

/** What the server does, by the path that its client asks for. */
function serve(kind: string, open: (options: EventEndpointOptions) => EventEndpoint): void {
  const own = new AbortController();
  const events = open({
    closedClients,
    keepAlive: 60_000,
    signal: kind === "abort" ? own.signal : shutdown.signal,
    maxBufferedAmount: 65_536,
    maxDuration: kind === "max-duration" ? 1 : 3_600_000,
    highWaterMark: 16_384,
  });
  opened++;
  events.addEventListener("close", () => closed++);
  neglect(events);
  void events.send({ hello: kind }, "1");
  switch (kind) {
    case "abort":
      return own.abort();
    case "close":
      return void events.close();
    case "stop":
      return void events.close({ noReconnect: true, reason: "enough" });
    case "ended":
      return void events.pipe(["a", "b"]);
    case "failed":
      return void events.pipe(
        (async function* () {
          yield "a";
          throw new Error("from the source");
        })(),
      );
    case "emitter":
      return void events.pipe(emitter, null, { types: ["message", "tick"] });
    case "join":
      return void join(events);
    case "part":
      return void join(events).then(() => {
        channel.delete(events);
        return events.close();
      });
    case "dissolve":
      return void dissolve(events);
    case "slow":
      return void flood(events);
  }
}

/** Makes it a member that has missed something, with everything that a member can have. */
async function join(events: EventEndpoint): Promise<void> {
  if (opened % 2 === 0) void events.send("x", recent[0]);
  const topics = [`topic ${opened % 7}`, `its own: ${opened}`];
  const joined = channel.add(events, { topics, filter: (_, each) => each === events });
  const topic = topics[opened % 3];
  if (recent.push(await channel.send(large.slice(0, 100), { topic })) > 30) recent.shift();
  await joined;
}
/** Makes a channel for it, and closes that. */
async function dissolve(events: EventEndpoint): Promise<void> {
  const own = new EventChannel({ log: opened % 2 === 0 ? createLog() : false });
  void own.add(events, { topics: ["a"] });
  await own.send("x", { topic: "a" });
  await own.close({ noReconnect: opened % 3 === 0 });
}

/** Sends until the client has been found too slow. */
async function flood(events: EventEndpoint): Promise<void> {
  while (!events.closed) {
    void events.send(large);
    await turn();
  }
}

const naive = (req: http.IncomingMessage, res: http.ServerResponse) => {
  opened++;
  new NaiveEndpoint(req, res).on("close", () => closed++);
};
const http1Server = http.createServer((req, res) => {
  if (subject === "naive") naive(req, res);
  else serve(req.url!.slice(1), (options) => new EventEndpoint(req, res, options));
});
const http2Server = http2.createServer((req, res) => {
  serve(req.url.slice(1), (options) => new EventEndpoint(req, res, options));
});
const fetchServer = http.createServer(
  bridge((request) => {
    let events!: EventEndpoint<Request>;
    serve(new URL(request.url).pathname.slice(1), (options) => {
      return (events = new EventEndpoint(request, options));
    });
    return events.response;
  }),
);
const servers: Server[] = [http1Server, http2Server, fetchServer];
for (const server of servers) await once(server.listen(0, "127.0.0.1"), "listening");
const portOf = (server: Server) => (server.address() as AddressInfo).port;

/** Ends that the server makes by itself. */
const ENDS = ["close", "stop", "ended", "failed", "abort", "max-duration", "part", "dissolve"];

/** A client of HTTP/1 that says when it leaves. */
async function overSocket(server: Server, kind: string): Promise<void> {
  const socket = connect(portOf(server), "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  const [path, how] = kind.split(" ");
  const id = path === "refused" ? "Last-Event-ID: evt-closed.zzzzzzz.1.2.3.4\r\n" : "";
  socket.write(`GET /${path} HTTP/1.1\r\nHost: x\r\n${id}Connection: close\r\n\r\n`);
  if (how === "early") return void socket.resetAndDestroy();
  const gone = first(socket, "close");
  if (path === "slow") {
    // The head has come; from here on nothing is read, until the server gives up.
    await first(socket, "readable");
    const before = closed;
    while (closed === before) await turn();
    socket.destroy();
  } else if (how) {
    await first(socket, "data");
    if (how === "FIN") socket.end();
    else socket.resetAndDestroy();
  }
  socket.resume();
  await gone;
}

let session: http2.ClientHttp2Session;
let served: http2.ServerHttp2Session;
let keptSocket: Socket;

async function overHttp2(kind: string): Promise<void> {
  const [path, how] = kind.split(" ");
  // Servers end the session of a client that resets many streams; and Node 20 never gives back what
  // of `maxSessionMemory` was waiting in a stream that the server reset, until it kills the session.
  const own = how || path === "slow" ? await openSession() : undefined;
  const stream = (own ?? session).request({ ":path": `/${path}` });
  stream.on("error", () => {});
  const gone = first(stream, "close");
  await first(stream, "response");
  if (path === "slow") {
    const before = closed;
    while (closed === before) await turn();
  } else if (how) await first(stream, "data");
  if (how === "RST") stream.close(http2.constants.NGHTTP2_CANCEL);
  if (how === "destroy") own!.destroy();
  stream.resume();
  await gone;
  own?.destroy();
}

async function openSession(): Promise<http2.ClientHttp2Session> {
  const opening = http2.connect(`http://127.0.0.1:${portOf(http2Server)}`);
  opening.on("error", () => {});
  await once(opening, "connect");
  return opening;
}

/** No server at all: the answer is used, or left alone, in this process. */
async function inProcess(kind: string): Promise<void> {
  const [path, how] = kind.split(" ");
  const left = new AbortController();
  const request = new Request("http://host/", { signal: left.signal });
  let events!: EventEndpoint<Request>;
  serve(path!, (options) => (events = new EventEndpoint(request, options)));
  const { body } = events.response;
  if (how === "unread" || path === "slow") {
    while (!events.closed) await turn();
    return;
  }
  const reader = body!.getReader();
  if (how) await reader.read();
  if (how === "cancel") await reader.cancel();
  else if (how === "abort") left.abort();
  else while (!(await reader.read().catch(() => ({ done: true }))).done);
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

/** One connection for many streams. */
async function keptAlive(): Promise<void> {
  const request = http.get({ host: "127.0.0.1", port: portOf(http1Server), path: "/close", agent });
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  response.resume();
  await once(response, "close");
}

const leaving = [
  ...["open FIN", "open RST", "open early", "emitter FIN", "emitter RST"],
  ...["join FIN", "join RST", "join early"],
];
const lifecycles: (() => Promise<void>)[] =
  subject === "naive"
    ? ["open FIN", "open RST"].map((kind) => () => overSocket(http1Server, kind))
    : [
        ...[...ENDS, ...leaving, "refused"].map((kind) => () => overSocket(http1Server, kind)),
        ...[...ENDS, ...leaving, "refused"].map((kind) => () => overSocket(fetchServer, kind)),
        ...[...ENDS, "open RST", "emitter RST", "join RST", "open destroy", "join destroy"].map(
          (kind) => () => overHttp2(kind),
        ),
        ...ENDS.map((kind) => () => inProcess(kind)),
        ...["open", "emitter", "join"]
          .flatMap((path) => [`${path} cancel`, `${path} abort`])
          .map((kind) => () => inProcess(kind)),
        () => inProcess("close unread"),
        () => inProcess("dissolve unread"),
        keptAlive,
        keptAlive,
        () => overHttp2("slow"),
        () => inProcess("slow"),
        () => overSocket(http1Server, "slow"),
      ];

/** Runs so many lifecycles, some at a time, and waits until all endpoints have closed. */
async function run(count: number): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < count) {
      const index = next++ % lifecycles.length;
      await within(lifecycles[index]!(), `end of lifecycle ${index}`, 60_000);
      progress();
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  await poll(() => closed === opened);
}

/** Waits for what must come true by itself; the report shows it if it does not. */
async function poll(isTrue: () => boolean): Promise<void> {
  for (let tries = 0; tries < 100 && !isTrue(); tries++) {
    await new Promise((resolve) => later(resolve, 20));
  }
}

/** Waits for an event, or for the end. Errors are what this program is about. */
function first(emitter: EventEmitter, event: string): Promise<void> {
  return new Promise((resolve) => {
    emitter.once(event, () => resolve());
    if (event !== "close") emitter.once("close", () => resolve());
  });
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function collect(): Promise<number> {
  for (let rounds = 0; rounds < 10; rounds++) {
    globalThis.gc!();
    await turn();
  }
  return process.memoryUsage().heapUsed;
}

function countListeners(): Record<string, number> {
  const counts: Record<string, number> = {
    "abort of the shared signal": getEventListeners(shutdown.signal, "abort").length,
    "message of the source": getEventListeners(emitter, "message").length,
    "tick of the source": getEventListeners(emitter, "tick").length,
  };
  const emitters = { "kept connection": keptSocket, "HTTP/2 session": served, process };
  for (const [name, each] of Object.entries<EventEmitter>(emitters)) {
    for (const event of each.eventNames()) {
      counts[`${String(event)} of the ${name}`] = each.listenerCount(event);
    }
  }
  return counts;
}

function countResources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** What there is more, or less, than before. */
function difference(
  before: Record<string, number>,
  after: Record<string, number>,
): Record<string, number> {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  const changes = [...names].map((name) => [name, (after[name] ?? 0) - (before[name] ?? 0)]);
  return Object.fromEntries(changes.filter(([, count]) => count !== 0));
}

async function main(): Promise<void> {
  // What outlives endpoints is there from the start, and used once. A stream of the process is made
  // by the first who looks at it: here, and not with the first line of progress.
  process.stdout.on("error", () => {});
  const accepted = once(http2Server, "session") as Promise<[http2.ServerHttp2Session]>;
  session = await openSession();
  [served] = await accepted;
  const connected = once(http1Server, "connection") as Promise<[Socket]>;
  if (subject === "EventEndpoint") await keptAlive();
  else connect(portOf(http1Server), "127.0.0.1").unref();
  [keptSocket] = await connected;
  await run(Math.max(lifecycles.length * 4, cycles / 10));
  await collect();
  const listenersBefore = countListeners();
  const resourcesBefore = countResources();
  await run(cycles / 2);
  const firstHalf = await collect();
  await run(cycles / 2);
  const secondHalf = await collect();
  const resources = () => difference(resourcesBefore, countResources());
  await poll(() => Object.keys(resources()).length === 0);

  const report: Report = {
    opened,
    closed,
    alive: Number(v8.queryObjects(Subject)),
    // One is ours.
    channels: Number(v8.queryObjects(EventChannel)) - 1,
    members: channel.size,
    timers: timers.size,
    listeners: difference(listenersBefore, countListeners()),
    resources: resources(),
    heap: [firstHalf, secondHalf],
    faults: [...new Set(faults)],
  };
  process.send!(report, () => {
    session.destroy();
    agent.destroy();
    for (const server of servers) server.close();
    process.disconnect();
  });
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
