import { findFault } from "./nchan.js";

/**
 * Leaves out what cannot run here, with a notice.
 *
 * @param {string[]} names
 * @param {(text: string) => void} log
 */
export function selectServers(names, log) {
  const fault = findFault();
  if (!fault || !names.includes("nchan")) return names;
  log(`  SKIPPED: nginx + nchan: ${fault}`);
  return names.filter((name) => name !== "nchan");
}
