import { createChunks } from "../fixtures.js";
import { compare, measureDelivery, runRounds } from "../measure.js";
import { createDeliveryTable } from "../report.js";
import { BY_HAND, FLOOR, OURS, STREAM_SERVERS } from "../servers/index.js";

/** Token streams: in every turn of the event loop, each client gets an event of its own. */
const scenario = {
  /** This file, for the processes. */
  name: "distinct-events",
  clients: 100,
  /** For each client. */
  eventsPerTurn: 1,
  warmUpTurns: 500,
  /** In one window of the measurement. */
  turns: 150,
  createPayloads,
  eventsFor,
};

const ROUNDS = { least: 5, most: 9, budgetMs: 100_000 };
const BYTES = 200;
/** Not a multiple of the clients: each of them gets each payload, sooner or later. */
const PAYLOADS = 16_381;
/** Of `res.write` by hand. */
const LINE = 0.95;

export async function run({ seed, random, log }) {
  const results = await runRounds({ names: STREAM_SERVERS, rounds: ROUNDS, random, log }, (name) =>
    measureDelivery(name, scenario, seed),
  );
  const { ratio, sure } = compare(results.get(OURS), results.get(BY_HAND));
  return {
    title: `Distinct events (token streams), ${scenario.clients} clients`,
    text:
      `In each turn of the event loop, every client gets another chunk of ${BYTES} bytes (like those of a chat completion; every eighth not ASCII), with an id. ` +
      `${results.get(OURS).length} rounds; cost is µs of server CPU for each delivered event.`,
    tables: [createDeliveryTable(results, [BY_HAND, FLOOR])],
    lines: [{ name: "distinct events, × `res.write` by hand", most: LINE, measured: ratio, sure }],
  };
}

export function createPayloads(seed) {
  return createChunks(seed, PAYLOADS, BYTES);
}

/** What one client gets in one turn. */
function eventsFor(payloads, client, turn) {
  const index = (turn * scenario.clients + client) % payloads.length;
  return [{ id: String(turn), data: payloads[index] }];
}

/** Sends to all, in the server's process. */
export function sendTurn({ send }, streams, payloads, turn) {
  const id = String(turn);
  let index = (turn * streams.length) % payloads.length;
  for (const stream of streams) {
    send(stream, payloads[index], id);
    if (++index === payloads.length) index = 0;
  }
}
