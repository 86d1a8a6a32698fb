import fc from "fast-check";
import { countOf } from "./counts.ts";

/**
 * Random tests print their seed. Set `FC_SEED` to run one again, `FC_RUNS` to run more of them.
 */
export const seed = Number(process.env["FC_SEED"] ?? Date.now() % 2 ** 31);

fc.configureGlobal({ seed, numRuns: runsOf() });
process.stdout.write(`fast-check seed: ${seed}\n`);

/** How often a random test runs: as often as it has a count for, if nobody says otherwise. */
export function runsOf(name?: Parameters<typeof countOf>[0]): number {
  return Number(process.env["FC_RUNS"] ?? (name ? countOf(name) : 1000));
}

/** Text of the characters that event streams stumble over. */
export const hostileText = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom("\r", "\n", "\r\n", "\0", ":", " ", "\ufeff") },
      { weight: 3, arbitrary: fc.constantFrom("\u2028", "\u2029", "\u0085", "\v", "\f", "\t") },
      { weight: 3, arbitrary: fc.constantFrom("\ud800", "\udc00", "\ud83d\ude00", "é", "日") },
      { weight: 3, arbitrary: fc.constantFrom("data", "event", "id", "retry", "data: ", "id: 1") },
      { weight: 3, arbitrary: fc.constantFrom("a", "0", "1", "-1", "1e3") },
      { weight: 1, arbitrary: fc.string() },
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));

/** What the client gets of data: UTF-8, with its line breaks as LF (HTML, "dispatch the event"). */
export function normalizeData(data: string): string {
  return toWellFormed(data).replace(/\r\n|\r|\n/g, "\n");
}

/** Lone surrogates as U+FFFD, by the encoder instead of the method that the library uses. */
export function toWellFormed(text: string): string {
  return Buffer.from(text, "utf8").toString("utf8");
}
