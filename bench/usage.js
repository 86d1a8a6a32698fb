import { readFileSync } from "node:fs";

/**
 * @typedef {object} Usage
 * @property {number} cpuMicros CPU in user and system mode
 * @property {number} cpuShare the part of one core that it is
 * @property {number} [alone] what part of the time that it wanted to run it ran, where that is known
 */

/**
 * Begins to measure what this process costs, all of its threads together.
 *
 * @returns {() => Usage} ends it
 */
export function beginUsage() {
  const startedAt = performance.now();
  const started = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(started);
    return describe(user + system, startedAt);
  };
}

/**
 * Begins to measure what another process of one thread costs.
 *
 * Not from /proc/<pid>/stat, which tells the same in units of 10 ms.
 *
 * @param {number} pid
 * @returns {() => Usage} ends it
 */
export function beginUsageOf(pid) {
  const startedAt = performance.now();
  const started = readSchedule(pid);
  return () => {
    const { ran, waited } = readSchedule(pid);
    const running = ran - started.ran;
    const alone = running / (running + waited - started.waited);
    return { ...describe(running / 1000, startedAt), alone };
  };
}

function describe(cpuMicros, startedAt) {
  return { cpuMicros, cpuShare: cpuMicros / ((performance.now() - startedAt) * 1000) };
}

/** Nanoseconds on a core, and waiting for one (Linux, Documentation/scheduler/sched-stats). */
function readSchedule(pid) {
  const [ran, waited] = readFileSync(`/proc/${pid}/schedstat`, "latin1").split(" ").map(Number);
  return { ran, waited };
}

/** Bytes of memory of another process that are in RAM. */
export function readResidentBytes(pid) {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
  return Number(kilobytes) * 1024;
}
