/**
 * How things are measured: fresh processes, rounds in shuffled order, medians. What is measured is
 * the business of scenarios/.
 */
import { shuffle } from "./random.js";
import { SERVERS } from "./servers/index.js";
import { READER_CORE, SERVER_CORE, startWorker } from "./worker.js";

/** Turns whose events are compared with what was sent, before anything is measured. */
const VERIFIED_TURNS = 5;

/**
 * A window counts if the process had its core to itself for so much of the time. Beside others it
 * looks cheaper, because the kernel does a part of its network work in a thread of its own then.
 */
const ALONE = 0.95;
const WINDOWS = 5;
/** On a busy machine, the search for them ends after this. */
const WINDOWS_BUDGET_MS = 2000;

/** Above this part of a core, the reader may have been what limited the run. */
const READER_LIMIT = 0.9;

/** A ratio from fewer rounds than this is not sure. */
const SURE_ROUNDS = 3;

/**
 * @typedef {object} Measurement
 * @property {number} cost microseconds of CPU for each event
 * @property {boolean} shared whether other processes were on the core in every window
 * @property {number} [readerShare] part of a core that the reader used
 */

/**
 * Runs something for each name, in every round in another order: what the machine does meanwhile,
 * and what ran before, does not always hit the same one. There are at least `rounds.least` rounds,
 * and up to `rounds.most` of them while they fit into `rounds.budgetMs`.
 *
 * @param {{
 *   names: string[],
 *   rounds: { least: number, most: number, budgetMs: number },
 *   random: () => number,
 *   log: (text: string) => void,
 * }} plan
 * @param {(name: string) => Promise<Measurement>} measure
 * @returns {Promise<Map<string, Measurement[]>>} what was measured for each name, by round
 */
export async function runRounds({ names, rounds, random, log }, measure) {
  const results = new Map(names.map((name) => [name, []]));
  const startedAt = performance.now();
  for (let round = 1; round <= rounds.most; round++) {
    const perRoundMs = (performance.now() - startedAt) / (round - 1);
    if (round > rounds.least && perRoundMs * round > rounds.budgetMs) break;
    const costs = [];
    for (const name of shuffle(random, names)) {
      const measurement = await measure(name);
      results.get(name).push(measurement);
      costs.push(
        `${name} ${measurement.cost.toPrecision(3)}${measurement.shared ? " (shared)" : ""}`,
      );
    }
    log(`  round ${round}: ${costs.join(", ")}`);
  }
  return results;
}

/**
 * Measures what it costs one server to deliver the events of a scenario.
 *
 * @param {string} server name of a file in servers/
 * @param {object} scenario exports of a file in scenarios/, see scenarios/distinct-events.js
 * @param {number} seed
 * @returns {Promise<Measurement>}
 */
export async function measureDelivery(server, scenario, seed) {
  const { clients, turns, warmUpTurns, eventsPerTurn } = scenario;
  const reader = startWorker("reader.js", { core: READER_CORE });
  const worker = startServer(server, scenario.name, seed);
  const runTurns = async (count) => {
    await reader.call("begin");
    await worker.call("begin");
    const alone = await worker.call("send", { turns: count });
    const events = count * eventsPerTurn;
    const { cpuShare: readerShare } = await reader.call("receive", { events });
    const { cpuMicros } = await worker.call("end");
    return { cost: cpuMicros / (events * clients), alone, readerShare };
  };
  try {
    const port = await worker.call("start");
    await reader.call("open", { port, count: clients });
    await worker.call("joined", { count: clients });

    await worker.call("send", { turns: VERIFIED_TURNS });
    await reader.call("verify", expectEvents(server, scenario, seed));
    await runTurns(warmUpTurns);
    // Nobody pays for what was left by the warm-up.
    await worker.call("collectGarbage");
    return await measureWindows(() => runTurns(turns));
  } catch (cause) {
    throw new Error(`"${server}" failed in "${scenario.name}"`, { cause });
  } finally {
    await Promise.all([stopServer(worker), reader.stop()]);
  }
}

/**
 * Starts the process of a server; a server that is a program of its own has the server's core
 * itself, and its publisher is with the readers.
 */
export function startServer(server, scenarioName, seed) {
  return startWorker("server-process.js", {
    core: SERVERS[server].isProgram ? READER_CORE : SERVER_CORE,
    args: [server, scenarioName, `${seed}`],
  });
}

/** Ends a server's process, and what it started. */
export async function stopServer(worker) {
  try {
    await worker.call("stop");
  } catch {
    // It has ended already: what made it fail is reported by the call that failed.
  }
  await worker.stop();
}

/**
 * Measures one formatter.
 *
 * @param {string} formatter a name in formatters.js
 * @param {{ fixture: string, seed: number }} options
 * @returns {Promise<Measurement>}
 */
export async function measureFormatter(formatter, { fixture, seed }) {
  const worker = startWorker("format-process.js", {
    core: SERVER_CORE,
    args: [formatter, fixture, `${seed}`],
  });
  try {
    await worker.call("start");
    return await measureWindows(() => worker.call("run"));
  } catch (cause) {
    throw new Error(`"${formatter}" failed with "${fixture}"`, { cause });
  } finally {
    await worker.stop();
  }
}

/** Takes the median of some windows in which the process was alone, or the best there is. */
async function measureWindows(runWindow) {
  const windows = [];
  const findGood = () => windows.filter(({ alone }) => alone >= ALONE);
  const endAt = performance.now() + WINDOWS_BUDGET_MS;
  do windows.push(await runWindow());
  while (findGood().length < WINDOWS && performance.now() < endAt);
  const good = findGood();
  const shared = good.length === 0;
  const used = shared ? [windows.toSorted((a, b) => b.alone - a.alone)[0]] : good;
  return {
    cost: median(used.map(({ cost }) => cost)),
    shared,
    readerShare: Math.max(...used.map(({ readerShare = 0 }) => readerShare)),
  };
}

/** What the clients must have got at first: all the same, or a list for each. */
function expectEvents(server, { clients, isBroadcast, createPayloads, eventsFor }, seed) {
  const payloads = createPayloads(seed);
  const expected = Array.from({ length: isBroadcast ? 1 : clients }, (_, client) =>
    Array.from({ length: VERIFIED_TURNS }, (_, turn) => eventsFor(payloads, client, turn)).flat(),
  );
  return { expected, isShared: isBroadcast, withIds: !SERVERS[server].givesIds };
}

/**
 * Sums up the rounds. Those on a shared core count only if there are no others.
 *
 * @param {Measurement[]} measurements by round
 */
export function summarize(measurements) {
  const alone = measurements.filter(({ shared }) => !shared);
  const used = alone.length > 0 ? alone : measurements;
  const costs = used.map(({ cost }) => cost);
  const readerShare = Math.max(...used.map((measurement) => measurement.readerShare));
  return {
    cost: median(costs),
    least: Math.min(...costs),
    most: Math.max(...costs),
    sharedRounds: measurements.length - alone.length,
    rounds: measurements.length,
    readerShare,
    readerLimited: readerShare > READER_LIMIT,
  };
}

/**
 * Compares two within each round, because a round is a short time on the same machine, and takes
 * the median of that. Rounds in which one of the two was on a shared core do not count; if too few
 * are left, the medians of the two are compared instead, and the ratio is not sure.
 *
 * @param {Measurement[]} measurements by round
 * @param {Measurement[]} base by round
 * @returns {{ ratio: number, sure: boolean }}
 */
export function compare(measurements, base) {
  const ratios = measurements
    .map((measurement, round) => [measurement, base[round]])
    .filter((pair) => pair.every(({ shared }) => !shared))
    .map(([one, other]) => one.cost / other.cost);
  return ratios.length >= SURE_ROUNDS
    ? { ratio: median(ratios), sure: true }
    : { ratio: summarize(measurements).cost / summarize(base).cost, sure: false };
}

/** @param {number[]} values */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
