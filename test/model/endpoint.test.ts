import fc from "fast-check";
import { describe, it } from "vitest";
import { startFetch, startHttp1, startHttp2 } from "../contract/host.ts";
import { reportProgress } from "../support/progress.ts";
import { runsOf, seed } from "../support/seed.ts";
import type { Model } from "./model.ts";
import { type Operation, operations } from "./operations.ts";
import { HostSystem, SinkSystem, type System } from "./system.ts";

/** Sequences on the recording sink; real servers get a share of that. */
const RUNS = runsOf("sequences");

class Step implements fc.AsyncCommand<Model, System> {
  readonly #op: Operation;

  constructor(op: Operation) {
    this.#op = op;
  }

  check({ code, piping }: Readonly<Model>): boolean {
    // There is one request at a time, and one source.
    if (this.#op.do === "open") return code !== undefined;
    return this.#op.do !== "pipe" || piping === undefined;
  }

  run(model: Model, real: System): Promise<void> {
    return real.run(this.#op, model);
  }

  toString(): string {
    return JSON.stringify(this.#op);
  }
}

const OPEN = new Step({
  do: "open",
  brings: "nothing",
  method: "GET",
  reconnectionTime: undefined,
  isAborted: false,
});

/** Any sequence leads an endpoint where its model says. */
async function check(
  numRuns: number,
  create: () => { model: Model; real: System },
  progress: () => void,
  firstSeed = seed,
): Promise<void> {
  const commands = fc.commands([operations.map((op) => new Step(op))], {
    maxCommands: 50,
    size: "+1",
  });
  const property = fc.asyncProperty(commands, async (steps) => {
    const { model, real } = create();
    const setup = async () => {
      await OPEN.run(model, real);
      return { model, real };
    };
    await fc.asyncModelRun(setup, steps);
    await real.finish(model);
    progress();
  });
  await fc.assert(property, { numRuns, seed: firstSeed });
}

describe("any sequence of operations ends where the model says", () => {
  it(
    `on a recording sink, in ${RUNS} sequences`,
    () => {
      const progress = reportProgress("sequences on a recording sink", RUNS);
      return check(RUNS, () => SinkSystem.create(), progress);
    },
    20_000 + RUNS * 40,
  );

  const runs = Math.ceil(RUNS * 0.15);
  it.each([
    ["HTTP/1", startHttp1],
    ["HTTP/2", startHttp2],
    ["Fetch", startFetch],
  ])(
    `on %s, in ${runs} sequences`,
    async (name, start) => {
      const progress = reportProgress(`sequences on ${name}`, runs);
      // A server for some of them: Node 20 gives the memory of reset HTTP/2 streams never back, and
      // ends a session that has used up its `maxSessionMemory`.
      for (let done = 0; done < runs; done += 75) {
        const { host, create } = await HostSystem.start(start);
        try {
          await check(Math.min(75, runs - done), create, progress, seed + done);
        } finally {
          await host.close();
        }
      }
    },
    30_000 + runs * 200,
  );
});
