import { compare, runRounds, startServer, stopServer, summarize } from "../measure.js";
import { formatRatio, formatSummary } from "../report.js";
import { BY_HAND, OUR_CHANNEL, OURS, SERVERS } from "../servers/index.js";
import { selectServers } from "../servers/select.js";
import { READER_CORE, startWorker } from "../worker.js";

/** What a connection costs on which nothing is sent. */
export const scenario = { name: "memory", clients: 9500, warmUpClients: 1000 };

const NAMES = [
  BY_HAND,
  OURS,
  OUR_CHANNEL,
  "shared-buffer",
  "better-sse",
  "fastify",
  "jsext",
  "h3",
  "hono",
  "nchan",
];
const ROUNDS = { least: 3, most: 5, budgetMs: 90_000 };
/** Of a bare response. */
const LINE = 1.15;

export async function run({ seed, random, log }) {
  const names = selectServers(NAMES, log);
  const results = await runRounds({ names, rounds: ROUNDS, random, log }, (name) =>
    measureMemory(name, scenario, seed),
  );
  const byHand = results.get(BY_HAND);
  return {
    title: `Memory of an idle connection, ${scenario.clients} connections`,
    text:
      `What the resident memory of the server's process grows by, from ${scenario.warmUpClients} connections that came and went to ${scenario.clients} that stay, divided by these; both after garbage collection. ` +
      `It has what the process needs once, such as a larger nursery of the heap, and nothing of the kernel. ${byHand.length} rounds; kB are 1000 B.`,
    tables: [
      {
        columns: ["server", "kB", "spread", `× ${SERVERS[BY_HAND].label}`],
        rows: names.map((name) => [
          name === "shared-buffer" ? "bare socket" : SERVERS[name].label,
          ...formatSummary(summarize(results.get(name)), 1 / 1000, 1),
          formatRatio(compare(results.get(name), byHand)),
        ]),
      },
    ],
    lines: [OURS, OUR_CHANNEL].map((name) => {
      const { ratio, sure } = compare(results.get(name), byHand);
      const title = `idle connection, ${name === OURS ? "endpoint" : "member of a channel"}, × bare response`;
      return { name: title, most: LINE, measured: ratio, sure };
    }),
  };
}

/** Nothing is sent. */
export function createPayloads() {
  return [];
}

/**
 * Measures how much memory a server needs for each connection.
 *
 * @param {string} server
 * @param {{ name: string, clients: number, warmUpClients: number }} scenario
 * @param {number} seed
 * @returns {Promise<import("../measure.js").Measurement>} bytes as cost
 */
export async function measureMemory(server, { name, clients, warmUpClients }, seed) {
  const reader = startWorker("reader.js", { core: READER_CORE });
  const worker = startServer(server, name, seed);
  const weigh = async () => {
    await worker.call("collectGarbage");
    return worker.call("residentBytes");
  };
  try {
    const port = await worker.call("start");
    const open = async (count) => {
      await reader.call("open", { port, count, isCounted: true });
      await worker.call("joined", { count });
    };
    await open(warmUpClients);
    await reader.call("close");
    await worker.call("forget");
    await worker.call("joined", { count: 0 });
    const before = await weigh();
    await open(clients);
    return { cost: ((await weigh()) - before) / clients, shared: false };
  } catch (cause) {
    throw new Error(`"${server}" failed in "${name}"`, { cause });
  } finally {
    await Promise.all([stopServer(worker), reader.stop()]);
  }
}
