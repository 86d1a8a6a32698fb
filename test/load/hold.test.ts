import { beforeAll, describe, expect, it } from "vitest";
import { countOf } from "../support/counts.ts";
import { report } from "../support/progress.ts";
import { HeldClients } from "./held-clients.ts";
import type { Subject } from "./plan.ts";
import { LoadServer } from "./server.ts";

/** How many connections are held, and for how long. */
interface Size {
  readonly clients: number;
  readonly keepAliveMs: number;
  readonly keepAlives: number;
  /** How long to wait for the last of them. */
  readonly deadlineMs: number;
}

/** What came of it; bytes are for each connection. */
interface Held {
  readonly dropped: number;
  readonly without: number;
  readonly tooMany: number;
  readonly heap: number;
  readonly rss: number;
  /** Milliseconds of a core, while nothing but keep-alives was sent. */
  readonly cpuMs: number;
  readonly faults: readonly string[];
}

const SMALL: Size = { clients: 200, keepAliveMs: 200, keepAlives: 3, deadlineMs: 20_000 };
const FULL: Size = {
  clients: countOf("held"),
  keepAliveMs: countOf("keepAlive"),
  keepAlives: countOf("keepAlives"),
  deadlineMs: 20_000 + 3 * countOf("keepAlives") * countOf("keepAlive"),
};

/** With so many, what the process had before does not count. */
const MANY = 5_000;

async function hold(subject: Subject, size: Size): Promise<Held> {
  const { clients: count, keepAliveMs, keepAlives, deadlineMs } = size;
  const server = await LoadServer.start({ subject, keepAlive: keepAliveMs });
  const clients = new HeldClients(keepAlives);
  try {
    const early = new HeldClients(0);
    await early.open(server.port, SMALL.clients);
    early.leave();
    const before = await server.ask("report when idle");
    await clients.open(server.port, count);
    const { heap, rss, cpuMs } = await server.ask("report");
    const without = await clients.wait(deadlineMs);
    const tooMany = clients.countTooMany(keepAliveMs);
    const after = await server.ask("report");
    return {
      dropped: clients.dropped,
      without,
      tooMany,
      heap: (heap - before.heap) / count,
      rss: (rss - before.rss) / count,
      cpuMs: after.cpuMs - cpuMs,
      faults: after.faults,
    };
  } finally {
    clients.leave();
    await server.stop();
  }
}

/** Says everything that tells against what was held, beside bare responses that get nothing. */
function findFaults(held: Held, bare: Held, { clients }: Size): string[] {
  const found = [...held.faults];
  const note = (isFault: boolean, text: string) => void (isFault && found.push(text));
  note(held.dropped > 0, `${held.dropped} clients dropped`);
  note(held.without > 0, `${held.without} clients without their keep-alives`);
  note(held.tooMany > 0, `${held.tooMany} clients with more keep-alives than were due`);
  const heap = held.heap / bare.heap;
  note(!(heap < 2), `${heap.toFixed(2)} times the heap of a bare response`);
  const rss = held.rss / bare.rss;
  note(clients >= MANY && !(rss < 1.5), `${rss.toFixed(2)} times the memory of a bare response`);
  return found;
}

const format = ({ heap, rss, cpuMs }: Held) =>
  `${heap.toFixed()} B of heap, ${rss.toFixed()} B of memory each; ${cpuMs.toFixed()} ms of CPU`;

describe("many connections on which nothing happens", () => {
  const timeout = 2 * FULL.deadlineMs;
  it(
    `are held, all ${FULL.clients}, for little memory: each gets its keep-alives`,
    { timeout },
    async () => {
      const bare = await hold("bare", { ...FULL, keepAlives: 0 });
      report(`${FULL.clients} bare responses held: ${format(bare)}`);
      const held = await hold("EventEndpoint", FULL);
      report(`${FULL.clients} endpoints held: ${format(held)}`);
      expect(findFaults(held, bare, FULL)).toEqual([]);
    },
  );
});

describe("it is found", () => {
  let bare: Held;
  beforeAll(async () => {
    bare = await hold("bare", { ...SMALL, keepAlives: 0 });
  });

  const find = async (subject: Subject, size = SMALL) =>
    findFaults(await hold(subject, size), bare, size);

  it("that a response by hand has no keep-alives", async () => {
    const found = await find("bare", { ...SMALL, deadlineMs: 1_000 });
    expect(found).toEqual(["200 clients without their keep-alives"]);
  });

  it("that one in a hundred is dropped", async () => {
    expect(await find("dropping")).toEqual(["2 clients dropped"]);
  });

  it("that something is kept with each", async () => {
    const expected = expect.stringMatching(/^\d\.\d+ times the heap of a bare response$/);
    expect(await find("hoarding")).toEqual([expected]);
  });
});
