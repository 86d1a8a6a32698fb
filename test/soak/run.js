/**
 * Runs a group of suites with their full counts, and gives them half an hour: what takes longer is
 * ended, all of it, and has failed.
 *
 * `node run.js [endpoint | channel | redis] [file …]`
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { GROUPS } from "./groups.js";

const LIMIT_MIN = 30;

const root = join(import.meta.dirname, "../..");
const start = performance.now();
const [first = "", ...others] = process.argv.slice(2);
const group = first in GROUPS ? first : "endpoint";
const files = first === group ? others : [first, ...others].filter(Boolean);
// In a group of its own, to be ended together with all that it starts.
const child = spawn(
  process.execPath,
  [
    join(root, "node_modules/vitest/vitest.mjs"),
    "run",
    ...["--config", join(import.meta.dirname, "vitest.config.ts")],
    ...files,
  ],
  {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, SOAK: "1", SOAK_GROUP: group },
    detached: true,
  },
);
const end = () => process.kill(-child.pid, "SIGKILL");
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, end);

let isOver = false;
const timer = setTimeout(() => {
  isOver = true;
  end();
}, LIMIT_MIN * 60_000);

child.on("exit", (code, signal) => {
  clearTimeout(timer);
  const minutes = ((performance.now() - start) / 60_000).toFixed(1);
  console.log(`\nSoak of the ${group}: ${judge(code, signal)}, after ${minutes} min`);
  process.exitCode = code === 0 ? 0 : 1;
});

function judge(code, signal) {
  if (isOver) return `NOT FINISHED within ${LIMIT_MIN} min`;
  // Nobody else says so: a system that is short of memory ends a process without a word.
  if (signal) return `FAILED, ended by ${signal}`;
  return code === 0 ? "passed" : `FAILED with exit code ${code}`;
}
