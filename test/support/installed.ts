import { join } from "node:path";
import { describeWith } from "./describe-with.ts";

const FOLDER = join(import.meta.dirname, "../compat/node_modules");

/** Where `npm --prefix test/compat install` puts runtimes and compilers. */
export function installed(...path: string[]): string {
  return join(FOLDER, ...path);
}

/** A `describe` whose tests need one of these. */
export function describeInstalled(program: string, title: string, define: () => void): void {
  describeWith(program, "npm --prefix test/compat install", title, define);
}
