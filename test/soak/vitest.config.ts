import { defineConfig } from "vitest/config";
import config from "../../vitest.config.ts";
import { GROUPS } from "./groups.js";

/** Suites that have full counts (test/support/counts.ts); run.js sets what asks for these. */
export default defineConfig({
  ...config,
  test: {
    ...config.test,
    include: GROUPS[(process.env["SOAK_GROUP"] ?? "endpoint") as keyof typeof GROUPS],
    // They compute all the time, and measure their processes.
    maxWorkers: 2,
    isolate: true,
    // Each test as it ends; what goes on meanwhile, the tests say themselves.
    reporters: ["verbose"],
    // Those with full counts have limits of their own.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
