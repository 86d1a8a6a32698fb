import {
  compare,
  measureDelivery,
  runRounds,
  startServer,
  stopServer,
  summarize,
} from "../measure.js";
import { formatNumber, formatSummary } from "../report.js";
import { OUR_CHANNEL } from "../servers/index.js";
import { READER_CORE, startWorker } from "../worker.js";
import { createBroadcast } from "./broadcast.js";
import { scenario as fanOut } from "./fan-out.js";

/** Clients come back, all at once, and get what they missed. */
export const scenario = {
  ...createBroadcast({ name: "replay", clients: 5000, eventsPerTurn: 1 }),
  /** What each of them missed. */
  events: 100,
  verifiedClients: 50,
};
export const { createPayloads, sendTurn } = scenario;

const ROUNDS = { least: 3, most: 5, budgetMs: 50_000 };
/** Of an event of the fan-out. */
const LINE = 1.3;

export async function run({ seed, random, log }) {
  let encodings = 0;
  const parts = {
    "fan-out": () => measureDelivery(OUR_CHANNEL, fanOut, seed),
    replay: () => measureReplay(scenario, seed),
    connecting: () => measureConnecting(scenario, seed),
  };
  const results = await runRounds(
    { names: Object.keys(parts), rounds: ROUNDS, random, log },
    async (name) => {
      const measurement = await parts[name]();
      encodings = Math.max(encodings, measurement.encodings ?? 0);
      return measurement;
    },
  );
  const { ratio, sure } = compare(results.get("replay"), results.get("fan-out"));
  const row = (label, name, digits) => [
    label,
    ...formatSummary(summarize(results.get(name)), 1, digits),
  ];
  return {
    title: `Replay, ${scenario.clients} clients`,
    text:
      `All clients connect with the id before the last ${scenario.events} events, as fast as one process can, and get these events; what a connection costs is counted in. ` +
      `For them all, each event was turned into bytes ${formatNumber(encodings, 2)} times. ${results.get("replay").length} rounds; cost is µs of server CPU.`,
    tables: [
      {
        columns: ["event-endpoint", "µs", "spread"],
        rows: [
          row("one event of the fan-out above, measured again", "fan-out", 2),
          row("one event replayed, connecting included", "replay", 2),
          row("one connection that missed nothing", "connecting", 0),
        ],
      },
    ],
    lines: [{ name: "replay, × fan-out", most: LINE, measured: ratio, sure }],
  };
}

/**
 * Measures what a replayed event costs, connecting included.
 *
 * @param {typeof scenario} scenario
 * @param {number} seed
 * @returns {Promise<import("../measure.js").Measurement & { encodings: number }>}
 */
export function measureReplay(scenario, seed) {
  const { clients, events, verifiedClients } = scenario;
  return measureArrival(scenario, seed, async ({ worker, reader, port, arrive }) => {
    await reader.call("open", { port, count: 1 });
    const lastEventId = await reader.call("greeting");
    await worker.call("send", { turns: events });
    await reader.call("close");

    const payloads = scenario.createPayloads(seed);
    const expected = Array.from({ length: events }, (_, turn) =>
      scenario.eventsFor(payloads, 0, turn),
    ).flat();
    await reader.call("open", { port, count: verifiedClients, lastEventId });
    await reader.call("verify", { expected: [expected], isShared: true, withIds: false });
    await reader.call("close");

    const measurement = await arrive({ events, lastEventId });
    await reader.call("close");
    await worker.call("watchEncoding");
    await arrive({ events, lastEventId });
    return {
      ...measurement,
      cost: measurement.cost / events,
      encodings: (await worker.call("encodings")) / events,
    };
  });
}

/** Measures what a connection costs that missed nothing: it is greeted. */
export function measureConnecting(scenario, seed) {
  return measureArrival(scenario, seed, ({ arrive }) => arrive({ events: 1 }));
}

/** Starts the processes, and measures what clients cost that come all at once. */
async function measureArrival({ name, clients }, seed, measure) {
  const reader = startWorker("reader.js", { core: READER_CORE });
  const worker = startServer(OUR_CHANNEL, name, seed);
  try {
    const port = await worker.call("start");
    // Some come and go, so that what is measured has been compiled.
    await reader.call("open", { port, count: 1000, isCounted: true });
    await reader.call("close");
    const arrive = async ({ events, lastEventId }) => {
      await worker.call("collectGarbage");
      await worker.call("begin");
      await reader.call("open", { port, count: clients, lastEventId, isCounted: true });
      await reader.call("begin");
      await reader.call("receive", { events });
      const { cpuMicros, alone } = await worker.call("end");
      return { cost: cpuMicros / clients, shared: alone < 0.95 };
    };
    return await measure({ worker, reader, port, arrive });
  } catch (cause) {
    throw new Error(`"${OUR_CHANNEL}" failed in "${name}"`, { cause });
  } finally {
    await Promise.all([stopServer(worker), reader.stop()]);
  }
}
