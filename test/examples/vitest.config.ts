import { existsSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import config from "../../vitest.config.ts";

const INSTALL =
  "npm --prefix examples install --no-package-lock --no-audit --no-fund --loglevel=error";
const isInstalled = existsSync(join(import.meta.dirname, "../../examples/node_modules"));
if (!isInstalled) {
  if (process.env["CI"] === "true") throw new Error(`CI needs the examples: ${INSTALL}`);
  console.warn(`SKIPPED: all examples: not installed; ${INSTALL}`);
}

/** Each example, as a person runs it. Apart from the other tests, because of what they install. */
export default defineConfig({
  ...config,
  test: {
    ...config.test,
    include: isInstalled ? ["test/examples/**/*.example.ts"] : [],
    passWithNoTests: true,
    // Each starts a server of its own, and some a compiler.
    maxWorkers: 2,
    isolate: true,
    // Some are built first.
    hookTimeout: 180_000,
    globalSetup: ["test/examples/global-setup.ts"],
  },
});
