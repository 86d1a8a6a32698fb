import { isSoak } from "./counts.ts";

/** How long a soak may be silent. */
const PERIOD_MS = 20_000;

/** Prints what a soak has found; other runs keep it to themselves. */
export function report(text: string): void {
  if (isSoak) process.stdout.write(`${text}\n`);
}

/** Says from time to time how far a soak is. The returned function is told of each step. */
export function reportProgress(what: string, total: number): (steps?: number) => void {
  let done = 0;
  let saidAt = performance.now();
  return (steps = 1) => {
    done += steps;
    if (performance.now() - saidAt < PERIOD_MS) return;
    saidAt = performance.now();
    report(`${what}: ${done} of ${total}`);
  };
}
