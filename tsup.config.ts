import { defineConfig } from "tsup";

export default defineConfig({
  entry: {
    index: "src/index.ts",
    redis: "src/redis/index.ts",
    compat: "src/compat/index.ts",
    testing: "src/testing/index.ts",
  },
  format: "esm",
  target: "es2022",
  platform: "neutral",
  // One copy of the core for every entry point: a second one would have its own state.
  splitting: true,
  sourcemap: true,
  dts: true,
  clean: true,
});
