/**
 * Runs the benchmarks and writes RESULTS.md.
 *
 * `node main.js [scenario …]` runs only some, and then writes nothing.
 * `BENCH_SEED=<integer>` repeats the payloads and the order of another run.
 */
import { readFile, writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { createBarChart } from "./chart.js";
import { createRandom } from "./random.js";
import { formatLine, formatReport, formatSection } from "./report.js";
import { SERVERS } from "./servers/index.js";
import * as nginx from "./nginx.js";
import { findRedisFault, readRedisVersion } from "./redis.js";
import { canPin, READER_CORE, SERVER_CORE } from "./worker.js";

const SCENARIOS = [
  "fan-out",
  "burst",
  "replay",
  "scale",
  "several-processes",
  "memory",
  "distinct-events",
  "formatting",
  "size",
];

const METHOD = [
  "Cost is CPU time, user and system, of the server's process (of nginx, that of its one worker). Each server runs in a fresh process in every round, in production mode; the clients are a second process of raw sockets that only count frames.",
  "Before anything is measured, the first events of every client are compared with what was sent; afterwards every event is counted for every client. A server that loses one fails the run.",
  "The order of the servers is shuffled in every round. A round is the median of five windows after a warm-up, leaving out windows in which other processes used the core; rounds that had no other windows are called shared, and left out unless there are only such. The tables show the median of the rounds, and the least and the most of them. Ratios are taken within each round; a question mark says that fewer than three rounds could be compared.",
  "The reader looks at its sockets every 2 ms, so that no write pays for waking it; the part of a core that it used is shown. Above 90 % it might have been the bottleneck, and the table says so.",
  "Everybody sends the same text with the same ids, and awaits nothing. Channels and nchan have ids of their own. JSON around text is turned off in better-sse and @fastify/sse; better-sse cannot leave out the event's type, so it sends 15 bytes more.",
  "The peers are the newest releases on npm when they were pinned in bench/package.json; all of them run on this version of Node.",
];

const log = (text) => process.stderr.write(`${text}\n`);

const chosen = process.argv.slice(2);
const startedAt = performance.now();
const seed = process.env.BENCH_SEED
  ? Number(process.env.BENCH_SEED)
  : Math.floor(Math.random() * 2 ** 31);
if (!Number.isInteger(seed)) throw new TypeError('"BENCH_SEED" must be an integer');

const facts = await describeRun();
log(facts.map(([name, value]) => `${name}: ${value}`).join("\n"));

const random = createRandom(seed);
const sections = [];
for (const name of chosen.length > 0 ? chosen : SCENARIOS) {
  log(`\n${name}`);
  const { run } = await import(`./scenarios/${name}.js`);
  sections.push(await run({ seed, random, log }));
}

if (chosen.length > 0) {
  console.log(`\n${sections.map(formatSection).join("\n\n")}`);
  for (const { lines } of sections)
    for (const line of lines) console.log(formatLine(line).join(" | "));
} else {
  facts.push(["Time taken", `${Math.round((performance.now() - startedAt) / 1000)} s`]);
  const report = formatReport({ title: "Benchmark results", facts, method: METHOD }, sections);
  await writeFile(new URL("RESULTS.md", import.meta.url), report);
  for (const { chart } of sections) {
    if (!chart) continue;
    const { file, ...content } = chart;
    const svg = createBarChart({ ...content, caption: describeMachine(facts) });
    await writeFile(new URL(file, import.meta.url), svg);
  }
  console.log(`\n${report}`);
}

/** Where, when and of what. */
async function describeRun() {
  const cores = cpus();
  const packages = new Set(Object.values(SERVERS).flatMap((server) => server.packages));
  const versions = await Promise.all(
    [...packages].map(async (name) => `${name} ${await readVersion(`node_modules/${name}`)}`),
  );
  if (!nginx.findFault()) versions.push(nginx.readVersions());
  if (!findRedisFault()) versions.push(`redis-server ${readRedisVersion()}`);
  return [
    ["event-endpoint", await readVersion("..")],
    ["Beside", versions.join(", ")],
    ["Node", `${process.version} on ${process.platform} ${process.arch}`],
    ["Machine", `${cores[0].model.trim()}, ${cores.length} cores`],
    [
      "Cores",
      canPin()
        ? `server on core ${SERVER_CORE}, reader on core ${READER_CORE}`
        : "not pinned: no `taskset`, or only one core",
    ],
    ["Load when it began", loadavg()[0].toFixed(2)],
    ["Date", new Date().toISOString().slice(0, 10)],
    ["Seed", `${seed}`],
  ];
}

/** What the numbers of a chart depend on, in one line. */
function describeMachine(all) {
  const { Node, Machine, Date: date, "event-endpoint": version } = Object.fromEntries(all);
  return `event-endpoint ${version}, Node ${Node}; ${Machine}; ${date}`;
}

async function readVersion(folder) {
  const file = new URL(`${folder}/package.json`, import.meta.url);
  return JSON.parse(await readFile(file, "utf8")).version;
}
