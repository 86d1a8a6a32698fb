import os from "node:os";

const INTERVAL_MS = 1000;
/** How many samples are kept for the chart of a page that has just been opened: one minute. */
const MAX_HISTORY = 60;

/**
 * Measures this machine once a second, however many clients look at it.
 *
 * @param {(sample: { time: number, cpu: number, memory: number }) => void} onSample gets the time
 *   in milliseconds since 1970 and the use of all processors and of the memory in percent
 */
export function startSampler(onSample) {
  const history = [];
  let before = readCpuTimes();

  const timer = setInterval(() => {
    const after = readCpuTimes();
    const total = after.total - before.total;
    // On a clock this coarse, two readings may be the same.
    const cpu = total > 0 ? 1 - (after.idle - before.idle) / total : 0;
    before = after;
    const sample = {
      time: Date.now(),
      cpu: percent(cpu),
      memory: percent(1 - os.freemem() / os.totalmem()),
    };
    history.push(sample);
    if (history.length > MAX_HISTORY) history.shift();
    onSample(sample);
  }, INTERVAL_MS);

  return { history, stop: () => clearInterval(timer) };
}

/** What does not change while the server runs. */
export function readMachine() {
  return { cores: os.cpus().length, totalMemory: os.totalmem() };
}

/** Since the machine's start, over all processors. Only the difference of two readings says much. */
function readCpuTimes() {
  const times = { idle: 0, total: 0 };
  for (const cpu of os.cpus()) {
    times.idle += cpu.times.idle;
    for (const part of Object.values(cpu.times)) times.total += part;
  }
  return times;
}

function percent(fraction) {
  return Math.round(Math.min(Math.max(fraction, 0), 1) * 1000) / 10;
}
