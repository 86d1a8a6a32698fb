import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // After each file: no endpoint, timer, socket or listener is left.
    setupFiles: ["test/support/setup.ts"],
    // A hang is an assertion with a deadline in the test itself; this is the last resort.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Real servers, browsers and two cores: files in parallel only get in each other's way.
    maxWorkers: 2,
  },
});
