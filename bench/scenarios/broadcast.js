import { createChunks } from "../fixtures.js";

const BYTES = 200;
const PAYLOADS = 1021;

/**
 * Makes a scenario in which everybody gets the same events.
 *
 * @param {{ name: string, clients: number, eventsPerTurn: number, turns: number, warmUpTurns: number }} shape
 */
export function createBroadcast(shape) {
  const { eventsPerTurn } = shape;
  const eventOf = (payloads, index) => ({
    id: String(index),
    data: payloads[index % payloads.length],
  });
  const eventsOf = (payloads, turn) =>
    Array.from({ length: eventsPerTurn }, (_, index) =>
      eventOf(payloads, turn * eventsPerTurn + index),
    );
  return {
    ...shape,
    isBroadcast: true,
    bytes: BYTES,
    createPayloads: (seed) => createChunks(seed, PAYLOADS, BYTES),
    /** What each client gets in one turn. */
    eventsFor: (payloads, client, turn) => eventsOf(payloads, turn),
    /** Sends to all, in the server's process. */
    sendTurn({ broadcast }, streams, payloads, turn) {
      for (const { id, data } of eventsOf(payloads, turn)) broadcast(streams, data, id);
    },
  };
}
