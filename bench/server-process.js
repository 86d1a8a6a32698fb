/**
 * The process that is measured: one server of servers/, doing the work of one scenario.
 *
 * `node server-process.js <server> <scenario> <seed>`
 */
import { readFile } from "node:fs/promises";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { beginUsage } from "./usage.js";
import { serveCalls } from "./worker.js";

const [serverName, scenarioName, seed] = process.argv.slice(2);
const server = await import(`./servers/${serverName}.js`);
const scenario = await import(`./scenarios/${scenarioName}.js`);

const begin = server.beginUsage ?? beginUsage;
const sending = { send: server.send, broadcast: server.broadcast ?? sendToEach };
const payloads = scenario.createPayloads(Number(seed));
/** Looks every millisecond, so that this is what it says when nothing keeps the event loop. */
const delays = monitorEventLoopDelay({ resolution: 1 });
const streams = [];
let encodings = 0;
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
    if (server.joined) return server.joined(count);
    return new Promise((resolve) => {
      onJoin = () => {
        if (streams.length === count) resolve();
      };
      onJoin();
    });
  },

  /** Forgets those who have joined, because they have left. */
  forget() {
    streams.length = 0;
  },

  /**
   * Sends in so many turns of the event loop; resolves when the last one was handed over. Until
   * then the server is never idle: answers with the part of its core that it got.
   */
  send({ turns }) {
    const end = turn + turns;
    const endSending = begin();
    return new Promise((resolve, reject) => {
      const next = async () => {
        scenario.sendTurn(sending, streams, payloads, turn);
        if (server.settled) await server.settled();
        if (++turn < end) return setImmediate(run);
        const { alone, cpuShare } = endSending();
        resolve(alone ?? cpuShare);
      };
      const run = () => void next().catch(reject);
      setImmediate(run);
    });
  },

  async collectGarbage() {
    // What is finalised is garbage the next time.
    for (let times = 0; times < 3; times++) {
      globalThis.gc();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },

  /** Begins to measure what the server costs. */
  begin() {
    endUsage = begin();
  },

  /** Answers with what it cost. */
  end() {
    return endUsage();
  },

  /** Begins to watch how long the event loop keeps others waiting. */
  watchDelays() {
    delays.reset();
    delays.enable();
  },

  /** Answers with what was seen. */
  delays() {
    delays.disable();
    return { p99Ms: delays.percentile(99) / 1e6, maxMs: delays.max / 1e6 };
  },

  /** Begins to count the events that are turned from text to bytes. */
  watchEncoding() {
    const { from } = Buffer;
    Buffer.from = (value, ...rest) => {
      if (typeof value === "string") encodings += value.split("\ndata: ").length - 1;
      return from.call(Buffer, value, ...rest);
    };
  },

  /** Answers with how many it were, each as often as it was. */
  encodings() {
    return encodings;
  },

  /** How many files and sockets this process may have open. */
  async openFilesLimit() {
    const limits = await readFile("/proc/self/limits", "latin1");
    return Number(/^Max open files +(\d+)/m.exec(limits)[1]);
  },

  /** Bytes of the server's memory that are in RAM. */
  residentBytes() {
    return server.residentBytes?.() ?? process.memoryUsage.rss();
  },

  /** Ends what runs outside of this process. */
  stop() {
    return server.stop?.();
  },
});

function sendToEach(members, data, id) {
  for (const member of members) server.send(member, data, id);
}
