import { startNginx } from "../nginx.js";
import { beginUsageOf, readResidentBytes } from "../usage.js";

// nginx with nchan. This process publishes, and is on the reader's core.

export { findFault, readVersions } from "../nginx.js";

/**
 * How long the clients have to read a turn's events. nginx leaves Nagle's algorithm on for them: what
 * is published before they have read what came before leaves with what comes later, in one segment
 * for several turns.
 */
const READING_MS = 10;

let nginx;
/** Answers that are to come. */
const published = [];

export async function start() {
  nginx = await startNginx();
  return nginx.port;
}

/** Resolves when so many subscribers are there. */
export function joined(count) {
  return nginx.joined(count);
}

export function broadcast(subscribers, data) {
  published.push(nginx.publish(data));
}

/** Resolves when nginx has answered all that was published, and the clients had time to read it. */
export async function settled() {
  await Promise.all(published);
  published.length = 0;
  await new Promise((resolve) => setTimeout(resolve, READING_MS));
}

export function beginUsage() {
  return beginUsageOf(nginx.workerPid);
}

export function residentBytes() {
  return readResidentBytes(nginx.workerPid);
}

export function stop() {
  return nginx.stop();
}
