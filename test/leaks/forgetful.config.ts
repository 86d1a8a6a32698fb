import { defineConfig } from "vitest/config";
import config from "../../vitest.config.ts";

/** Runs what leaves something behind, as all other files are run. */
export default defineConfig({
  ...config,
  test: { ...config.test, include: ["test/leaks/forgetful.ts"], env: { LEFTOVERS_MS: "50" } },
});
