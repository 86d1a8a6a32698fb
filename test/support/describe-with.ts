import { existsSync } from "node:fs";
import { describe, it } from "vitest";

/**
 * A `describe` whose tests need something installed. Where it is missing they are skipped, with a
 * line that says so; with `CI=true`, that is a failure.
 */
export function describeWith(
  path: string,
  install: string,
  title: string,
  define: () => void,
): void {
  if (existsSync(path)) {
    describe(title, define);
    return;
  }
  const fault = `not installed; ${install}`;
  if (process.env["CI"] === "true") {
    it(`${title}: what it needs is installed`, () => {
      throw new Error(`CI needs it, but it is ${fault}`);
    });
    return;
  }
  console.warn(`SKIPPED: ${title}: ${fault}`);
  describe.skip(title, define);
}
