import { compare, measureDelivery, runRounds } from "../measure.js";
import { createDeliveryTable } from "../report.js";
import { BROADCAST_FLOOR, BURST_FLOOR, BY_HAND, OUR_CHANNEL } from "../servers/index.js";
import { selectServers } from "../servers/select.js";
import { createBroadcast } from "./broadcast.js";

/** In every turn of the event loop, all clients get the same events. */
export const scenario = createBroadcast({
  name: "burst",
  clients: 500,
  eventsPerTurn: 20,
  warmUpTurns: 100,
  turns: 20,
});
export const { createPayloads, sendTurn } = scenario;

const SERVERS = [BURST_FLOOR, BROADCAST_FLOOR, BY_HAND, OUR_CHANNEL, "better-sse-channel", "nchan"];
const ROUNDS = { least: 3, most: 5, budgetMs: 50_000 };
/** Of `res.write` by hand. */
const LINE = 0.25;

export async function run({ seed, random, log }) {
  const names = selectServers(SERVERS, log);
  const results = await runRounds({ names, rounds: ROUNDS, random, log }, (name) =>
    measureDelivery(name, scenario, seed),
  );
  const { ratio, sure } = compare(results.get(OUR_CHANNEL), results.get(BY_HAND));
  return {
    title: `Burst, ${scenario.clients} clients`,
    text:
      `As fan-out, but ${scenario.eventsPerTurn} events in each turn of the event loop. The floor is one write of all of them for each client. ` +
      `${results.get(OUR_CHANNEL).length} rounds; cost is µs of server CPU for each delivered event.`,
    tables: [createDeliveryTable(results, [BURST_FLOOR, BY_HAND])],
    lines: [{ name: "burst, × `res.write` by hand", most: LINE, measured: ratio, sure }],
  };
}
