import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Child } from "../support/child.ts";
import { within } from "../support/inbox.ts";
import { BLOCK_BYTES, type CrowdPlan, type CrowdReport } from "./crowd-plan.ts";
import type { CrowdReadersPlan } from "./crowd-readers.ts";
import { PROTOCOLS } from "./listen.ts";
import { startReaders } from "./readers.ts";

const SOAK = process.env["SOAK"];
if (!SOAK) console.warn("SKIPPED: a crowd that the clock alone is rid of: only with SOAK=1");

const MEGABYTE = 1_048_576;
/** A process has so many files that it can open: on usual machines, some more than these. */
const [STALLED, HEALTHY] = SOAK ? [100, 9_000] : [30, 60];
const LIMIT_MS = SOAK ? 900_000 : 60_000;
/** What a process may need besides: for everybody else, and because memory comes in large parts. */
const SLACK = 30 * MEGABYTE;
const BOUND = STALLED * MEGABYTE + SLACK;

const plan: Omit<CrowdPlan, "protocol"> = {
  subject: "EventEndpoint",
  fed: SOAK ? 100 : 10,
  ticked: HEALTHY - (SOAK ? 100 : 10),
  stalled: STALLED,
  maxBufferedAmount: MEGABYTE,
  stallTimeout: null,
  before: SOAK ? 100 : 20,
  most: (8 * MEGABYTE) / BLOCK_BYTES,
  roundsPerLook: SOAK ? 1 : 4,
};

/** Lets healthy clients read for a while, and then others come and stall. */
async function run(plan: CrowdPlan): Promise<CrowdReport> {
  const { protocol, fed, ticked, stalled } = plan;
  const server = await Child.start(join(import.meta.dirname, "crowd-server.ts"), plan, {
    command: [process.execPath, "--expose-gc", "--max-semi-space-size=2"],
    // Else what one thread of the engine frees stays apart from what another one asks for.
    env: { MALLOC_ARENA_MAX: "1" },
  });
  const port = await server.take<number>();
  const readersPlan: CrowdReadersPlan = {
    protocol,
    port,
    counts: { "/fed": fed, "/ticked": ticked },
  };
  const healthy = await Child.start(join(import.meta.dirname, "crowd-readers.ts"), readersPlan);
  expect(await healthy.take(LIMIT_MS)).toBe("open");
  // From now on it says what has been received.
  healthy.process.on("message", (receipt: object) => server.say(receipt));
  const serve = async () => {
    server.say("publish");
    expect(await server.take(LIMIT_MS)).toBe("ready");
    // Some do not read, the others are stopped; over HTTP/2, those would take a lot.
    const half = Math.ceil(stalled / 2);
    const stall = { protocol, port, path: "/stalled", rate: 0 };
    const [stopped] = await Promise.all([
      startReaders({ ...stall, count: stalled - half, window: 2 ** 30 }),
      startReaders({ ...stall, count: half }),
    ]);
    stopped.process.kill("SIGSTOP");
    server.say("publish");
    return server.take<CrowdReport>(LIMIT_MS);
  };
  return within(Promise.race([serve(), healthy.ended]), "report", LIMIT_MS);
}

/** For people: what the healthy clients felt of it, and what it cost. */
function tell(name: string, { delays, rss }: CrowdReport): void {
  const quantile = (values: number[], part: number) =>
    values.sort((a, b) => a - b)[Math.floor(values.length * part)]!;
  // The first ones are the compiler's.
  const [before, during] = [delays.slice(plan.before / 2, plan.before), delays.slice(plan.before)];
  const ratios = [0.5, 0.99].map((part) => {
    const [a, b] = [quantile(before, part), quantile(during, part)];
    return `p${part * 100} ${a.toFixed(1)} → ${b.toFixed(1)} ms (× ${(b / a).toFixed(2)})`;
  });
  const cost = ((rss.peak - rss.before) / MEGABYTE).toFixed(1);
  const published = ((during.length * BLOCK_BYTES) / MEGABYTE).toFixed(1);
  console.info(
    `${name}: ${STALLED} stalled clients cost ${cost} MiB of ${published} MiB for each; the last of` +
      ` ${HEALTHY} healthy ones had an event after ${ratios.join(", ")}`,
  );
}

describe.each(PROTOCOLS)("over %s, a crowd in which some stall", (protocol) => {
  it(
    `costs their limits: ${STALLED} of ${STALLED + HEALTHY}, and the others get everything`,
    async () => {
      const report = await run({ ...plan, protocol });
      tell(protocol, report);
      const { closes, open, held, rss } = report;
      expect(closes).toEqual({ "/stalled slow-client": STALLED });
      expect(open).toBe(HEALTHY);
      // A tick comes with each block, and chunked coding adds a few bytes.
      expect(held).toBeLessThanOrEqual(MEGABYTE + BLOCK_BYTES + 2_000);
      expect(rss.peak - rss.before).toBeLessThanOrEqual(BOUND);
    },
    LIMIT_MS,
  );

  // For the measurement; one protocol tells as much as three.
  if (SOAK || protocol === "HTTP/1") {
    it(
      "costs whatever is written, to a server that does not look",
      async () => {
        const few = { ticked: 5, fed: 5, roundsPerLook: 64 };
        const { rss, open } = await run({ ...plan, protocol, subject: "bare", ...few });
        expect(open).toBe(STALLED + 10);
        expect(rss.peak - rss.before).toBeGreaterThan(BOUND);
      },
      LIMIT_MS,
    );
  }

  it.runIf(SOAK)(
    `is rid of them by the clock alone, too${SOAK ? "" : " (only with SOAK=1)"}`,
    async () => {
      const clockAlone = { maxBufferedAmount: null, stallTimeout: 2_000 };
      const most = (6 * MEGABYTE) / BLOCK_BYTES;
      const report = await run({ ...plan, ...clockAlone, most, protocol });
      tell(`${protocol}, by the clock`, report);
      expect(report.closes).toEqual({ "/stalled slow-client": STALLED });
      expect(report.open).toBe(HEALTHY);
    },
    LIMIT_MS,
  );
});
