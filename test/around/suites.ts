/**
 * What is not the library itself: the demo, the benchmarks, the documents and the package, and what
 * needs other runtimes and compilers. `npm run test:around` runs these, and the checks of every change do.
 */
export const AROUND = [
  "test/bench/**/*.test.ts",
  "test/compat/runtimes/**/*.test.ts",
  "test/demo/**/*.test.ts",
  "test/package/**/*.test.ts",
];
