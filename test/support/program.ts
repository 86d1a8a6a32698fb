import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, it } from "vitest";

/** Finds the first of these programs that the PATH has. */
export function findProgram(...names: readonly string[]): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter(Boolean);
  return names
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/**
 * A `describe` whose tests need a program. Where it is missing they are skipped, with a line that
 * says so; with `CI=true`, that is a failure.
 */
export function describeWithProgram(
  names: readonly string[],
  title: string,
  define: (path: string) => void,
): void {
  const path = findProgram(...names);
  if (path !== undefined) {
    describe(title, () => define(path));
    return;
  }
  const fault = `none of ${names.join(", ")} is in the PATH`;
  if (process.env["CI"] === "true") {
    it(`${title}: the program is installed`, () => {
      throw new Error(`CI needs it, but ${fault}`);
    });
    return;
  }
  console.warn(`SKIPPED: ${title}: ${fault}`);
  describe.skip(`${title} (${fault})`, () => define(""));
}
