import { median, startServer, stopServer } from "../measure.js";
import { formatNumber } from "../report.js";
import { OUR_CHANNEL } from "../servers/index.js";
import { READER_CORE, startWorker } from "../worker.js";
import { createBroadcast } from "./broadcast.js";

/** How many clients one process holds, what it costs, and what fails first. */
export const scenario = {
  ...createBroadcast({ name: "scale", clients: 9500, eventsPerTurn: 1 }),
  /** What clients missed in the storm. */
  missed: 100,
  fanOuts: 40,
};
export const { createPayloads, sendTurn } = scenario;

export async function run({ seed, log }) {
  const found = await measureScale(scenario, seed, log);
  const { fanOut, storm, climb, rest } = found;
  const ms = (value) => formatNumber(value, value < 10 ? 1 : 0);
  return {
    title: `Scale, ${scenario.clients} members of a channel in one process`,
    text:
      `One run, on one core. Delay is how late the event loop was for a timer, as \`monitorEventLoopDelay\` of Node tells (${ms(rest.p99Ms)} ms when nothing is done). ` +
      `In the storm all clients connect at once, as fast as one other process can, and each gets ${scenario.missed} events that it missed. ` +
      `Then more clients come until one is refused: that was after ${climb.clients}, when the process had no file descriptor left (its limit was ${climb.limit}). ` +
      `Those that were there stayed, and got the next event. So raise the limit (\`ulimit -n\`), and start another process when an event takes too long to reach everybody.`,
    tables: [
      {
        columns: ["what", "time, ms", "CPU, ms", "delay p99, ms", "delay most, ms"],
        rows: [
          [
            "one event to all (median)",
            ms(fanOut.timeMs),
            ms(fanOut.cpuMs),
            ms(fanOut.p99Ms),
            ms(fanOut.maxMs),
          ],
          [
            "all reconnect, with replay",
            ms(storm.timeMs),
            ms(storm.cpuMs),
            ms(storm.p99Ms),
            ms(storm.maxMs),
          ],
        ],
      },
    ],
    lines: [],
  };
}

/** Measures; throws if a client gets anything but what it is to get. */
export async function measureScale({ name, clients, missed, fanOuts }, seed, log) {
  const readers = [1, 2].map(() => startWorker("reader.js", { core: READER_CORE }));
  const [reader, others] = readers;
  const worker = startServer(OUR_CHANNEL, name, seed);
  const watch = async (act) => {
    await worker.call("collectGarbage");
    await worker.call("watchDelays");
    await worker.call("begin");
    const startedAt = performance.now();
    await act();
    const timeMs = performance.now() - startedAt;
    const { cpuMicros } = await worker.call("end");
    return { timeMs, cpuMs: cpuMicros / 1000, ...(await worker.call("delays")) };
  };
  try {
    const limit = await worker.call("openFilesLimit");
    const port = await worker.call("start");
    await reader.call("open", { port, count: clients });
    await worker.call("joined", { count: clients });
    const lastEventId = await reader.call("greeting");
    await reader.call("close");
    await worker.call("forget");
    await worker.call("send", { turns: missed });
    const rest = await watch(() => new Promise((resolve) => setTimeout(resolve, 300)));

    const storm = await watch(async () => {
      await reader.call("open", { port, count: clients, lastEventId, isCounted: true });
      await reader.call("begin");
      await reader.call("receive", { events: missed });
    });
    await worker.call("joined", { count: clients });
    log(`  storm: ${storm.timeMs.toFixed(0)} ms`);

    const each = [];
    const all = await watch(async () => {
      for (let count = 0; count < fanOuts; count++) {
        await reader.call("begin");
        const startedAt = performance.now();
        await worker.call("send", { turns: 1 });
        await reader.call("receive", { events: 1 });
        each.push(performance.now() - startedAt);
      }
    });
    const fanOut = { ...all, timeMs: median(each), cpuMs: all.cpuMs / fanOuts };
    log(`  fan-out: ${fanOut.timeMs.toFixed(0)} ms`);

    const more = await others.call("climb", { port });
    log(`  refused after ${clients + more}`);
    // They are greeted.
    await others.call("begin");
    await others.call("receive", { events: 1 });
    await Promise.all(readers.map((each) => each.call("begin")));
    await worker.call("send", { turns: 1 });
    await Promise.all(readers.map((each) => each.call("receive", { events: 1 })));
    return { rest, storm, fanOut, climb: { clients: clients + more, limit } };
  } catch (cause) {
    throw new Error(`"${OUR_CHANNEL}" failed in "${name}"`, { cause });
  } finally {
    await Promise.all([stopServer(worker), ...readers.map((each) => each.stop())]);
  }
}
