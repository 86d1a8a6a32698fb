import { configDefaults, defineConfig } from "vitest/config";
import config from "../../vitest.config.ts";
import { AROUND } from "./suites.ts";

export default defineConfig({
  ...config,
  test: { ...config.test, include: AROUND, exclude: configDefaults.exclude },
});
