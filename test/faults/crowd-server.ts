/**
 * The server of a crowd, in a process of its own because its memory is the question: see
 * `CrowdPlan`. Started with `--expose-gc`. Says its port, "ready" when it has published to healthy
 * clients alone, and then its report.
 */
import { once } from "node:events";
import type { CloseEvent } from "../../src/index.ts";
import {
  type CrowdPlan,
  type CrowdReport,
  eventsOf,
  type Path,
  readClock,
  type Receipt,
} from "./crowd-plan.ts";
import { listen, type Opening } from "./listen.ts";

const plan = JSON.parse(process.argv[2]!) as CrowdPlan;
const maxBufferedAmount = plan.maxBufferedAmount ?? Infinity;
const stallTimeout = plan.stallTimeout ?? Infinity;
interface Client {
  readonly path: Path;
  readonly waiting: () => number;
  readonly isOpen: () => boolean;
  readonly send: (data: string) => unknown;
}

const clients: Client[] = [];
const closes: Record<string, number> = {};
const delays: number[] = [];
let held = 0;

function openClient({ path: path_, endpoint, bare }: Opening): Client {
  const path = path_ as Path;
  if (plan.subject === "bare") {
    const stream = bare();
    return {
      path,
      waiting: () => stream.waiting,
      isOpen: () => stream.isOpen,
      send: (data) => stream.write(`data: ${data}\n\n`),
    };
  }
  const events = endpoint({ maxBufferedAmount, stallTimeout });
  events.addEventListener("close", ({ code, wasClean }: CloseEvent) => {
    const how = `${path} ${code}${wasClean ? ", clean" : ""}`;
    closes[how] = (closes[how] ?? 0) + 1;
  });
  return {
    path,
    waiting: () => events.bufferedAmount,
    isOpen: () => !events.closed,
    send: (data) => events.send(data),
  };
}

/** Over Fetch, bytes wait; else texts do, which clients that get the same would share. */
const isText = plan.protocol !== "Fetch";
const copy = (text: string) => Buffer.from(text).toString("latin1");

/** Publishes a round, and waits until those who read have it. */
async function publish(): Promise<void> {
  const round = delays.length;
  const publishedAt = readClock();
  const received = once(process, "message") as Promise<[Receipt]>;
  for (const { path, send, isOpen } of clients) {
    if (!isOpen()) continue;
    for (const data of eventsOf(round, path)) void send(isText ? copy(data) : data);
  }
  for (const { waiting } of clients) held = Math.max(held, waiting());
  const [receipt] = await received;
  if (receipt.round !== round) throw new Error(`Received ${receipt.round} instead of ${round}`);
  delays.push(receipt.at - publishedAt);
}

/** The most bytes that the process has had whenever all garbage was collected. */
let peak = 0;
function lookAtMemory(): number {
  globalThis.gc!();
  const rss = process.memoryUsage.rss();
  peak = Math.max(peak, rss);
  return rss;
}

/** In both phases alike, so that the delays can be compared. */
async function publishRounds(most: number, goesOn: () => boolean): Promise<void> {
  for (let round = 1; goesOn() && round <= most; round++) {
    await publish();
    if (round % plan.roundsPerLook === 0) lookAtMemory();
  }
}

const isStalled = () => clients.some(({ path, isOpen }) => path === "/stalled" && isOpen());

const { port } = await listen(plan.protocol, (opening) => clients.push(openClient(opening)));
process.send!(port);
await once(process, "message");
await publishRounds(plan.before, () => true);
process.send!("ready");
await once(process, "message");
const before = (peak = lookAtMemory());
await publishRounds(plan.most, isStalled);
lookAtMemory();
// Those whom the clock is to close.
while (stallTimeout < Infinity && isStalled())
  await new Promise((resolve) => setImmediate(resolve));
const open = clients.filter(({ isOpen }) => isOpen()).length;
process.send!({ delays, rss: { before, peak }, held, closes, open } satisfies CrowdReport);
