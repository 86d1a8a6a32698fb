import { findFault } from "../nginx.js";
import { shuffle } from "../random.js";
import { findRedisFault, startRedis } from "../redis.js";
import { formatNumber } from "../report.js";
import { READER_CORE, SERVER_CORE, startWorker } from "../worker.js";

/** Clients of each process. */
const CLIENTS = 1000;
const PROCESSES = [1, 2, 3];
const BYTES = 200;
const ROUNDS = 3;

/** For the time that events are on their way: they come one by one, when nothing else is done. */
const PACE = { events: 40, everyMs: 100 };
/** For how many events get through. */
const RUSH = { events: 150, inFlight: 8 };

const LABELS = { "event-channel": "event-endpoint `RedisEventLog`", nchan: "nginx + nchan" };

/** What is sent to one process goes through Redis to the clients of all. */
export async function run({ random, log }) {
  const text =
    `Each process has ${CLIENTS} clients; one of them is given events of ${BYTES} bytes, which go through one Redis (without persistence) to the clients of all. ` +
    `For the times, ${PACE.events} events, one every ${PACE.everyMs} ms: from the call that publishes one until a client has it. For the rates, ${RUSH.events} events, of which ${RUSH.inFlight} are on their way to Redis. ` +
    "nginx has one worker for each process, and `nchan_redis_pass`. All servers share one core, and Redis, the clients and who publishes to nginx the other: more processes have more to do here, and not more to do it with. " +
    `Medians of ${ROUNDS} rounds; every event is counted for every client.`;
  const section = { title: "Several processes, through Redis", text, tables: [], lines: [] };
  const fault = findRedisFault();
  if (fault) {
    log(`  SKIPPED: ${fault}`);
    return { ...section, text: `Not measured: ${fault}.` };
  }
  const kinds = ["event-channel"];
  if (findFault()) log(`  SKIPPED: nginx + nchan: ${findFault()}`);
  else kinds.push("nchan");
  const cases = PROCESSES.flatMap((processes) => kinds.map((kind) => ({ kind, processes })));
  const results = new Map(cases.map((each) => [each, []]));
  for (let round = 1; round <= ROUNDS; round++) {
    for (const each of shuffle(random, cases)) results.get(each).push(await measure(each));
    const shown = cases.map((each) => {
      const { p50Ms, rate } = results.get(each).at(-1);
      return `${each.processes} × ${each.kind} ${p50Ms.toFixed(1)} ms, ${Math.round(rate / 1000)} k/s`;
    });
    log(`  round ${round}: ${shown.join("; ")}`);
  }
  const rows = cases.map((each) => {
    const middle = (name) => median(results.get(each).map((result) => result[name]));
    return [
      `${each.processes} × ${LABELS[each.kind]}`,
      formatNumber(middle("p50Ms"), 1),
      formatNumber(middle("p99Ms"), 1),
      formatNumber(middle("rate") / 1000, 0),
      formatNumber(middle("cost"), 1),
    ];
  });
  const columns = ["servers", "p50, ms", "p99, ms", "1000 deliveries/s", "µs for each delivery"];
  return { ...section, tables: [{ columns, rows }] };
}

/**
 * @param {{
 *   kind: string,
 *   processes: number,
 *   clients?: number,
 *   pace?: typeof PACE,
 *   rush?: typeof RUSH,
 * }} plan
 * @returns {Promise<{ p50Ms: number, p99Ms: number, rate: number, cost: number }>} times on the way,
 *   deliveries in a second, and µs of server CPU for each of these
 */
export async function measure({ kind, processes, clients = CLIENTS, pace = PACE, rush = RUSH }) {
  const redis = await startRedis();
  const workers = Array.from({ length: processes }, () =>
    startWorker("cluster-process.js", {
      core: kind === "nchan" ? READER_CORE : SERVER_CORE,
      args: [kind, `${redis.port}`],
    }),
  );
  const reader = startWorker("latency-reader.js", { core: READER_CORE });
  const all = (name, options) => Promise.all(workers.map((worker) => worker.call(name, options)));
  const publish = async (how, options) => {
    await reader.call("expect", options);
    await workers[0].call(how, { ...options, bytes: BYTES });
    return reader.call("received");
  };
  try {
    await reader.call("open", { ports: await all("port"), count: clients });
    await all("joined", { count: clients });
    // Nobody pays for what is done once.
    await publish("rush", rush);
    const { p50Ms, p99Ms } = await publish("pace", pace);
    await all("begin");
    const startedAt = performance.now();
    await publish("rush", rush);
    const seconds = (performance.now() - startedAt) / 1000;
    const usages = await all("end");
    const deliveries = rush.events * clients * processes;
    const cpuMicros = usages.reduce((sum, usage) => sum + usage.cpuMicros, 0);
    return { p50Ms, p99Ms, rate: deliveries / seconds, cost: cpuMicros / deliveries };
  } finally {
    await all("stop").catch(() => {});
    await Promise.all([reader, ...workers].map((worker) => worker.stop()));
    await redis.stop();
  }
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
