/**
 * The server, in a process of its own: it has its own limit of open files, and its memory is not
 * the clients'. Started with `--expose-gc` and a plan; says its port, and then answers questions.
 */
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { EventEndpoint } from "../../src/index.ts";
import { NaiveEndpoint } from "../leaks/naive-endpoint.ts";
import type { Plan, Question, Report, Subject } from "./plan.ts";

const { subject, keepAlive, broadcastMs } = JSON.parse(process.argv[2]!) as Plan;

const faults: string[] = [];
for (const event of ["warning", "unhandledRejection", "uncaughtException"]) {
  (process as NodeJS.EventEmitter).on(event, (fault) => faults.push(`${event}: ${fault}`));
}

let opened = 0;
let closed = 0;
const present = new Set<{ send(data: string): unknown }>();
const hoard: Uint8Array[] = [];

function openEndpoint(req: http.IncomingMessage, res: http.ServerResponse): EventEndpoint {
  const events = new EventEndpoint(req, res, { keepAlive });
  present.add(events);
  events.addEventListener("close", () => {
    closed++;
    present.delete(events);
  });
  if (broadcastMs) void events.send("hello");
  if (req.url === "/close") void events.close();
  return events;
}

const SERVE: Record<Subject, (req: http.IncomingMessage, res: http.ServerResponse) => void> = {
  EventEndpoint: openEndpoint,
  bare(_req, res) {
    res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
    res.write(":\n");
    res.on("close", () => closed++);
  },
  dropping(req, res) {
    openEndpoint(req, res);
    if (opened % 100 === 50) setTimeout(() => res.destroy(), keepAlive * 1.5);
  },
  hoarding(req, res) {
    openEndpoint(req, res);
    hoard.push(new Uint8Array(16_384).fill(1));
  },
  naive(req, res) {
    const events = new NaiveEndpoint(req, res);
    present.add(events);
    events.on("close", () => {
      closed++;
      present.delete(events);
    });
    if (req.url === "/close") res.end();
  },
};

const server = http.createServer((req, res) => {
  opened++;
  SERVE[subject](req, res);
});
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 });
await once(server, "listening");
if (broadcastMs) {
  setInterval(() => {
    for (const events of present) void events.send("something new");
  }, broadcastMs).unref();
}

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function look(): Promise<Report> {
  for (let rounds = 0; rounds < 5; rounds++) {
    globalThis.gc!();
    await later(1);
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    opened,
    closed,
    rss,
    heap: heapUsed + external,
    cpuMs: (user + system) / 1000,
    resources: process.getActiveResourcesInfo().sort(),
    faults,
  };
}

async function answer(question: Question): Promise<void> {
  while (question === "report when idle" && closed < opened) await later(5);
  process.send!(await look());
}
process.on("message", (question: Question) => void answer(question));
process.send!((server.address() as AddressInfo).port);
