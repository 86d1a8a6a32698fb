/**
 * The process that measures one formatter, alone, so that the engine compiles it for what it does.
 *
 * `node format-process.js <formatter> <fixture> <seed>`
 */
import { FORMATTERS } from "./formatters.js";
import * as fixtures from "./fixtures.js";
import { beginUsage } from "./usage.js";
import { serveCalls } from "./worker.js";

const EVENTS = 4096;
const WARM_UP_PASSES = 60;
const PASSES = 60;

const [formatterName, fixtureName, seed] = process.argv.slice(2);
const events = fixtures[fixtureName](Number(seed), EVENTS);
let format;

serveCalls({
  async start() {
    format = await FORMATTERS[formatterName].load();
    run(WARM_UP_PASSES);
    globalThis.gc();
  },

  /** One window. */
  run() {
    const endUsage = beginUsage();
    run(PASSES);
    const { cpuMicros, cpuShare } = endUsage();
    return { cost: cpuMicros / (PASSES * EVENTS), alone: cpuShare };
  },

  /** The texts themselves, to compare. */
  texts() {
    return events.map(({ data, fields }) => format(data, fields));
  },
});

function run(passes) {
  let sum = 0;
  for (let pass = 0; pass < passes; pass++) {
    for (const { data, fields } of events) {
      const text = format(data, fields);
      // What is concatenated stays a tree of parts until somebody looks at a character; whoever
      // sends it has to look. This makes it one flat string, the same way for all.
      sum += text.charCodeAt(text.length >> 1);
    }
  }
  if (Number.isNaN(sum)) throw new Error("A formatter gave no text");
}
