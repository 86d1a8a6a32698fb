import { build } from "esbuild";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { countOf } from "../support/counts.ts";
import { within } from "../support/inbox.ts";
import { report as print } from "../support/progress.ts";
import { findLeaks, type Plan, type Report } from "./plan.ts";

const CYCLES = countOf("lifecycles");
/** Deadline for one program: it takes some milliseconds for each lifecycle. */
const limitMs = (cycles: number) => 60_000 + cycles * 20;

let folder: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "event-endpoint-leaks-"));
  file = join(folder, "program.mjs");
  await build({
    entryPoints: [join(import.meta.dirname, "program.ts")],
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    outfile: file,
  });
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs the program, and says what it found. */
async function run(plan: Plan): Promise<{ report: Report; leaks: string[] }> {
  const child = fork(file, [JSON.stringify(plan)], { execArgv: ["--expose-gc"] });
  try {
    const exit = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
    const message = Promise.race([
      once(child, "message") as Promise<[Report]>,
      exit.then(([code, signal]) =>
        Promise.reject(new Error(`The program ended with ${signal ?? code}`)),
      ),
    ]);
    const [report] = await within(message, "report", limitMs(plan.cycles));
    const leaks = findLeaks(report, plan);
    if (leaks.length === 0) {
      const [code] = await within(exit, "exit of the program by itself", 30_000);
      expect(code).toBe(0);
    }
    return { report, leaks };
  } finally {
    child.kill("SIGKILL");
  }
}

describe("after many lifecycles on every kind of server", () => {
  it(
    `nothing is left of ${CYCLES} endpoints, and the process can exit`,
    async () => {
      const { report, leaks } = await run({ subject: "EventEndpoint", cycles: CYCLES });
      expect(leaks, JSON.stringify(report)).toEqual([]);
      expect(report.opened).toBeGreaterThan(CYCLES * 0.9);
      print(`${CYCLES} lifecycles: ${JSON.stringify(report)}`);
    },
    limitMs(CYCLES),
  );
});

describe("the same program", () => {
  it(
    "finds an endpoint, a listener, a channel and a timer that are left, one in a thousand",
    async () => {
      const { report, leaks } = await run({
        subject: "EventEndpoint",
        cycles: 1_000,
        plants: true,
      });
      const expected = [
        /^1 endpoints alive$/,
        /^1 channels alive$/,
        /^1 timers$/,
        /^1 listeners: abort of the shared signal$/,
      ].map((text) => expect.stringMatching(text));
      expect(leaks, JSON.stringify(report)).toEqual(expected);
    },
    limitMs(1_000),
  );

  it(
    "finds that an interval without an end keeps everything",
    async () => {
      const { leaks } = await run({ subject: "naive", cycles: 1_000 });
      expect(leaks).toEqual([
        expect.stringMatching(/^\d{4} endpoints alive$/),
        expect.stringMatching(/^\d{4} timers$/),
        expect.stringMatching(/bytes of heap$/),
      ]);
    },
    limitMs(1_000),
  );
});
