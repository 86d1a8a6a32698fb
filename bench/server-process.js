/**
 * The process that is measured: one server of servers/, doing the work of one scenario.
 *
 * `node server-process.js <server> <scenario> <seed>`
 */
import { beginUsage } from "./usage.js";
import { serveCalls } from "./worker.js";

const [serverName, scenarioName, seed] = process.argv.slice(2);
const server = await import(`./servers/${serverName}.js`);
const scenario = await import(`./scenarios/${scenarioName}.js`);

const payloads = scenario.createPayloads(Number(seed));
const streams = [];
let onJoin = () => {};
let turn = 0;
let endUsage;

serveCalls({
  /** Listens; answers with the port. */
  start() {
    return server.start((stream) => {
      streams.push(stream);
      onJoin();
    });
  },

  /** Resolves when so many streams are open. */
  joined({ count }) {
    return new Promise((resolve) => {
      onJoin = () => {
        if (streams.length === count) resolve();
      };
      onJoin();
    });
  },

  /**
   * Sends in so many turns of the event loop; resolves when the last one was handed over. Until
   * then this process is never idle: answers with the part of its core that it got.
   */
  send({ turns }) {
    const end = turn + turns;
    const endSending = beginUsage();
    return new Promise((resolve) => {
      const next = () => {
        scenario.sendTurn(server, streams, payloads, turn);
        if (++turn < end) setImmediate(next);
        else resolve(endSending().cpuShare);
      };
      setImmediate(next);
    });
  },

  collectGarbage() {
    globalThis.gc();
  },

  /** Begins to measure what this process costs. */
  begin() {
    endUsage = beginUsage();
  },

  /** Answers with what it cost. */
  end() {
    return endUsage();
  },
});
