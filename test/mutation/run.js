/**
 * Plants the bugs that other encoders had, one at a time, into a copy of the sources, and runs the
 * tests of the frames on it. A bug that they do not notice ends this with an error.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const FILE = "src/core/frame.ts";
const TESTS = ["test/core/frame.test.ts", "test/core/injections.test.ts"];

/** What was wrong elsewhere, and how it would look here. */
const MUTANTS = [
  {
    name: "data is split at LF only (h3 before 1.15.9, @fastify/sse)",
    from: `text.includes("\\n") || text.includes("\\r")\n    ? text.replace(/\\r\\n?|\\n/g,`,
    to: `text.includes("\\n")\n    ? text.replace(/\\r?\\n/g,`,
  },
  {
    name: "a lone CR passes in an id or type (hono, better-sse)",
    from: `if (/[\\0\\r\\n]/.test(text)) throw invalid(name, "contains a line break or NUL", text);`,
    to: `if (/[\\0\\n]/.test(text)) throw invalid(name, "contains a line break or NUL", text);`,
  },
  {
    name: "retry is written as it is given (hono#5299)",
    from: `if (Number.isInteger(retry) && retry >= 0 && retry <= MAX_RETRY_MS) return retry;`,
    to: `if (retry !== undefined) return retry;`,
  },
  {
    name: "line breaks in ids are stripped instead of refused (h3)",
    from: `if (/[\\0\\r\\n]/.test(text)) throw invalid(name, "contains a line break or NUL", text);`,
    to: `if (/[\\0\\r\\n]/.test(text)) return text.replace(/[\\0\\r\\n]/g, "");`,
  },
  {
    name: "an id is left out when it is falsy (oak)",
    from: `    id: readId(id),`,
    to: `    id: Number(id) ? readId(id) : undefined,`,
  },
  {
    name: "comments are not split (koa-sse, h3)",
    from: `\`: \${prefixLines(coerce("comment", comment), ": ")}\\n\``,
    to: `\`: \${coerce("comment", comment)}\\n\``,
  },
];

const root = join(import.meta.dirname, "../..");
const copy = mkdtempSync(join(tmpdir(), "event-endpoint-mutation-"));
let missed = 0;
try {
  for (const part of ["src", "test", "package.json", "vitest.config.ts", "tsconfig.json"]) {
    cpSync(join(root, part), join(copy, part), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  const source = readFileSync(join(root, FILE), "utf8");

  const passes = run(source);
  report("the sources as they are", passes ? "pass" : "FAIL", !passes);
  for (const { name, from, to } of MUTANTS) {
    const mutant = source.replace(from, () => to);
    if (mutant === source) report(name, "cannot be planted: the sources have changed", true);
    else {
      const survived = run(mutant);
      report(name, survived ? "SURVIVED" : "caught", survived);
    }
  }
} finally {
  rmSync(copy, { recursive: true });
}
console.log(`${MUTANTS.length - missed} of ${MUTANTS.length} caught`);
process.exitCode = missed > 0 ? 1 : 0;

/** Do the tests pass on this text of the file? */
function run(text) {
  writeFileSync(join(copy, FILE), text);
  const { status } = spawnSync(
    process.execPath,
    [join(root, "node_modules/vitest/vitest.mjs"), "run", ...TESTS],
    {
      cwd: copy,
      stdio: "ignore",
    },
  );
  return status === 0;
}

function report(name, result, isBad) {
  if (isBad) missed++;
  console.log(`${result.padEnd(8)} ${name}`);
}
