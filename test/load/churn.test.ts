import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { countOf } from "../support/counts.ts";
import { within } from "../support/inbox.ts";
import { report, reportProgress } from "../support/progress.ts";
import type { Report, Subject } from "./plan.ts";
import { LoadServer } from "./server.ts";

const CLIENTS = countOf("churned");
/** How often everybody leaves, so that what is left can be measured. */
const ROUNDS = 10;
/** How many are there at a time. */
const CONCURRENCY = 40;

/** How a client leaves: after its hello or the next event, by itself or because it has to. */
const WAYS = ["RST", "FIN", "RST after an event", "FIN after an event", "close"] as const;

/** Comes, gets something, and goes. */
async function visit(port: number, way: (typeof WAYS)[number]): Promise<void> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.on("error", () => {});
  const closed = once(socket, "close");
  socket.write(
    `GET /${way === "close" ? way : ""} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
  );
  const last = way.endsWith("event") ? "something new" : "hello";
  let text = "";
  let isTold = false;
  socket.on("data", (bytes: Uint8Array) => {
    text += Buffer.from(bytes).toString("latin1");
    if (isTold || !text.includes(last)) return;
    isTold = true;
    if (way.startsWith("RST")) socket.resetAndDestroy();
    else if (way.startsWith("FIN")) socket.end();
  });
  await within(closed, `end of a client that leaves by ${way}`, 30_000);
  if (!isTold) throw new Error(`A client got only ${JSON.stringify(text)}`);
}

const limitMs = (clients: number) => 60_000 + clients * 10;

/** What the server had in use, when it was idle after each round. */
interface Churned {
  readonly heaps: readonly number[];
  readonly first: Report;
  readonly last: Report;
}

async function churn(subject: Subject, count: number): Promise<Churned> {
  const server = await LoadServer.start({ subject, keepAlive: 15_000, broadcastMs: 5 });
  const progress = reportProgress("clients that came and went", count);
  const round = async (size: number) => {
    let next = 0;
    const work = async () => {
      while (next < size) {
        await visit(server.port, WAYS[next++ % WAYS.length]!);
        progress();
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
    return server.ask("report when idle");
  };
  try {
    // What is compiled and allocated once.
    let last = await round(count / 4);
    const first = last;
    const heaps: number[] = [];
    for (let rounds = 0; rounds < ROUNDS; rounds++) {
      last = await round(count / ROUNDS);
      heaps.push(last.heap);
    }
    return { heaps, first, last };
  } finally {
    await server.stop();
  }
}

/** How much a line through these rises from the first to the last (least squares). */
function rise(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  let numerator = 0;
  let denominator = 0;
  for (const [i, value] of values.entries()) {
    numerator += (i - middle) * value;
    denominator += (i - middle) ** 2;
  }
  return (numerator / denominator) * (values.length - 1);
}

/** Says everything that clients who came and went have left behind. */
function findLeaks({ heaps, first, last }: Churned): string[] {
  const found = [...last.faults];
  if (last.closed !== last.opened) found.push(`${last.closed} close events of ${last.opened}`);
  if (last.resources.join() !== first.resources.join())
    found.push(`handles: ${last.resources.join()}`);
  // A megabyte is the noise of the measurement and of the compiler, however many came.
  const bytes = rise(heaps);
  if (!(bytes < 1_048_576)) found.push(`the heap rises by ${bytes.toFixed()} bytes`);
  return found;
}

describe("clients that come and go without end", () => {
  it(
    `leave nothing behind, all ${CLIENTS}`,
    async () => {
      const churned = await churn("EventEndpoint", CLIENTS);
      const { heaps, first, last } = churned;
      report(
        `${CLIENTS} clients came and went: the heap rises by ${rise(heaps).toFixed()} bytes, ` +
          `the memory by ${last.rss - first.rss}; in use after each round: ${heaps.join(" ")}`,
      );
      expect(findLeaks(churned)).toEqual([]);
    },
    limitMs(CLIENTS),
  );

  it("leave kilobytes each, if nobody cleans up", { timeout: limitMs(1_000) }, async () => {
    const leaks = findLeaks(await churn("naive", 1_000));
    expect(leaks).toContainEqual(expect.stringMatching(/^the heap rises by \d{7} bytes$/));
  });
});
