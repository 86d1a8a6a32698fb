import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "vitest";

const FOLDER = join(import.meta.dirname, "../compat/node_modules");

/** Where `npm --prefix test/compat install` puts runtimes and compilers. */
export function installed(...path: string[]): string {
  return join(FOLDER, ...path);
}

/**
 * A `describe` whose tests need one of these. Where it is missing they are skipped, with a line that
 * says so; with `CI=true`, that is a failure.
 */
export function describeInstalled(program: string, title: string, define: () => void): void {
  if (existsSync(program)) {
    describe(title, define);
    return;
  }
  const fix = "npm --prefix test/compat install";
  if (process.env["CI"] === "true") {
    it(`${title}: it is installed`, () => {
      throw new Error(`CI needs it: ${fix}`);
    });
    return;
  }
  console.warn(`SKIPPED: ${title}: not installed; ${fix}`);
  describe.skip(`${title} (not installed)`, define);
}
