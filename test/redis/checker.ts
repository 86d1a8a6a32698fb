import type { Arrival } from "./visitor.ts";

/** What became of what was sent, by its number: its id, or "unknown" because nobody can tell. */
export type Outcomes = ReadonlyMap<number, string>;

/**
 * Says what is wrong with what one client got: events that came twice, out of order or were never
 * sent, and acknowledged ones that are missing without a `resync` in their place.
 */
export function findFaults(outcomes: Outcomes, arrivals: readonly Arrival[]): string[] {
  const faults: string[] = [];
  const seen = new Set<number>();
  /** The last acknowledged event that came, or the place in which the client began. */
  let last: number | undefined;
  let isExcused = false;
  for (const { type, data } of arrivals) {
    if (type === "resync") isExcused = true;
    if (type !== "message") continue;
    const number = Number(data);
    const outcome = outcomes.get(number);
    if (outcome === undefined) faults.push(`phantom ${data}`);
    if (seen.has(number)) faults.push(`twice ${number}`);
    seen.add(number);
    // What is not acknowledged may come at any later time.
    if (outcome === undefined || outcome === "unknown") continue;
    if (last !== undefined && number < last) faults.push(`${number} after ${last}`);
    for (let missing = (last ?? number) + 1; missing < number && !isExcused; missing++) {
      const isAcknowledged = outcomes.get(missing) !== "unknown";
      if (isAcknowledged && !seen.has(missing)) faults.push(`lost ${missing} in silence`);
    }
    last = Math.max(number, last ?? number);
    isExcused = false;
  }
  return faults;
}
