import { compare, measureDelivery, runRounds, summarize } from "../measure.js";
import { createDeliveryTable } from "../report.js";
import {
  BROADCAST_FLOOR,
  BROADCAST_SERVERS,
  BY_HAND,
  OUR_CHANNEL,
  SERVERS,
} from "../servers/index.js";
import { selectServers } from "../servers/select.js";
import { createBroadcast } from "./broadcast.js";

/** In every turn of the event loop, all clients get the same event. */
export const scenario = createBroadcast({
  name: "fan-out",
  clients: 1000,
  eventsPerTurn: 1,
  warmUpTurns: 100,
  turns: 40,
});
export const { createPayloads, sendTurn } = scenario;

const ROUNDS = { least: 3, most: 5, budgetMs: 110_000 };
/** Of the bare sockets; everybody else is to be dearer. */
const LINE = 1.15;
const DEARER = [BY_HAND, "better-sse-channel", "nchan"];

export async function run({ seed, random, log }) {
  const names = selectServers(BROADCAST_SERVERS, log);
  const results = await runRounds({ names, rounds: ROUNDS, random, log }, (name) =>
    measureDelivery(name, scenario, seed),
  );
  const ours = results.get(OUR_CHANNEL);
  const createLine = (base, most) => {
    const { ratio, sure } = compare(ours, results.get(base));
    return { name: `fan-out, × ${SERVERS[base].label}`, most, measured: ratio, sure };
  };
  return {
    title: `Fan-out, ${scenario.clients} clients`,
    text:
      `In each turn of the event loop, one event of ${scenario.bytes} bytes goes to every client (every eighth not ASCII), with an id. ` +
      "A server that can is asked to broadcast, the others are given the event for each client; `res.write` by hand formats it once. The bare sockets are given one buffer that has the chunked coding in it. event-endpoint keeps the events in its default log. " +
      "nginx is given the events by HTTP, from the reader's core, and its one worker's CPU is counted. " +
      `${ours.length} rounds; cost is µs of server CPU for each delivered event.`,
    tables: [createDeliveryTable(results, [BROADCAST_FLOOR, BY_HAND])],
    chart: {
      file: "fan-out.svg",
      title: `One event to ${scenario.clients} clients`,
      unit: "µs of server CPU for each client",
      bars: names
        .map((name) => ({
          label: SERVERS[name].label.replaceAll("`", ""),
          value: summarize(results.get(name)).cost,
          isOurs: name === OUR_CHANNEL,
        }))
        .sort((a, b) => a.value - b.value),
    },
    lines: [
      createLine(BROADCAST_FLOOR, LINE),
      ...DEARER.filter((name) => results.has(name)).map((name) => createLine(name, 1)),
    ],
  };
}
