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
    const exit = once(child, "exit") as Promise<[number]>;
    const message = Promise.race([
      once(child, "message") as Promise<[Report]>,
      exit.then(([code]) => Promise.reject(new Error(`The program ended with ${code}`))),
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
  it.each<[string, Plan["plant"], RegExp[]]>([
    ["an endpoint that somebody keeps", "endpoint", [/^\d endpoints alive$/]],
    ["a listener on the shared signal", "listener", [/^\d listeners: abort of the shared signal$/]],
    ["a timer and a channel", "timer and channel", [/^\d channels alive$/, /^\d timers$/]],
  ])(
    "finds %s, one in a thousand",
    async (_, plant, expected) => {
      const { report, leaks } = await run({ subject: "EventEndpoint", cycles: 2_000, plant });
      const found = expected.map((text) => expect.stringMatching(text));
      expect(leaks, JSON.stringify(report)).toEqual(found);
    },
    limitMs(2_000),
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
