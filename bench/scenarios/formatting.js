import { FORMATTERS } from "../formatters.js";
import { compare, measureFormatter, runRounds, summarize } from "../measure.js";
import { formatRatio, formatSummary } from "../report.js";

const ROUNDS = { least: 5, most: 9, budgetMs: 25_000 };
/** Of concatenation without checks. */
const LINE = 1.5;

const PARTS = [
  {
    title: "data of one line",
    fixture: "createMixedEvents",
    names: ["concatenation", "event-endpoint", "better-sse"],
  },
  {
    title: "data of several lines",
    fixture: "createMultiLineEvents",
    names: ["split-and-join", "event-endpoint"],
  },
];

export async function run({ seed, random, log }) {
  const tables = [];
  const lines = [];
  for (const { title, fixture, names } of PARTS) {
    const results = await runRounds({ names, rounds: ROUNDS, random, log }, (name) =>
      measureFormatter(name, { fixture, seed }),
    );
    const base = results.get(names[0]);
    tables.push({
      columns: [`${title}, ${base.length} rounds`, "ns for each", "spread", "ratio"],
      rows: names.map((name) => [
        FORMATTERS[name].label,
        ...formatSummary(summarize(results.get(name)), 1000, 0),
        formatRatio(compare(results.get(name), base)),
      ]),
    });
    if (lines.length === 0) {
      const { ratio, sure } = compare(results.get("event-endpoint"), base);
      const name = "formatting one event, × concatenation";
      lines.push({ name, most: LINE, measured: ratio, sure });
    }
  }
  return {
    title: "Formatting one event",
    text:
      "Tokens, chunks of 200 bytes and documents of 1 to 3 kB (45, 45 and 10 %); all with an id, one in four with a type, every eighth not ASCII. " +
      "What `send()` does with its arguments until there is one flat string.",
    tables,
    lines,
  };
}
