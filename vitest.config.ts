import { configDefaults, defineConfig } from "vitest/config";
import { AROUND } from "./test/around/suites.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, ...AROUND],
    // After each file: no endpoint, timer, socket or listener is left.
    setupFiles: ["test/support/setup.ts"],
    // A hang is an assertion with a deadline in the test itself; this is the last resort.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Most of them wait, for a real server or browser, most of the time.
    maxWorkers: 4,
    // To start a process for each file would take a third of the time. What a file leaves behind
    // fails it, so that none can be what the next one stumbles over.
    isolate: false,
  },
});
