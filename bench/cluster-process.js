/**
 * One of several servers over one Redis: a process with a channel, or the publisher of an nginx.
 *
 * `node cluster-process.js <event-channel | nchan> <port of Redis>`
 */
import { createServer } from "node:http";
import { Redis } from "ioredis";
import { listen } from "./listen.js";
import { startNginx } from "./nginx.js";
import { EventChannel, EventEndpoint, RedisEventLog } from "./servers/library.js";
import { beginUsage, beginUsageOf } from "./usage.js";
import { serveCalls } from "./worker.js";

const [kind, redisPort] = process.argv.slice(2);
const server = await { "event-channel": startChannel, nchan: startNchan }[kind](Number(redisPort));
let endUsage;

serveCalls({
  port: () => server.port,
  joined: ({ count }) => server.joined(count),
  begin() {
    endUsage = server.beginUsage();
  },
  /** Answers with what it cost since. */
  end: () => endUsage(),
  /** Publishes so many events, each so long after the one before; resolves when all are accepted. */
  async pace({ events, everyMs, bytes }) {
    const accepted = [];
    for (let event = 0; event < events; event++) {
      accepted.push(server.publish(createData(event, bytes)));
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
    await Promise.all(accepted);
  },
  /** Publishes so many events, of which so many may be on their way to Redis. */
  async rush({ events, inFlight, bytes }) {
    let next = 0;
    const publish = async () => {
      while (next < events) await server.publish(createData(next++, bytes));
    };
    await Promise.all(Array.from({ length: inFlight }, publish));
  },
  stop: () => server.stop(),
});

/** The event's number, and when it was sent: on the clock that all processes have. */
function createData(event, bytes) {
  return `${event} ${process.hrtime.bigint()} `.padEnd(bytes, "x");
}

async function startChannel(port) {
  const client = new Redis(port);
  const channel = new EventChannel({ log: new RedisEventLog({ client, key: "bench" }) });
  let live = 0;
  let onJoin = () => {};
  const http = createServer(async (req, res) => {
    const events = new EventEndpoint(req, res, { keepAlive: false });
    if (!(await channel.add(events))) return;
    live++;
    onJoin();
  });
  return {
    port: await listen(http),
    joined: (count) =>
      new Promise((resolve) => {
        onJoin = () => live === count && resolve();
        onJoin();
      }),
    publish: (data) => channel.send(data),
    beginUsage,
    stop: () => channel.close(),
  };
}

async function startNchan(port) {
  const nginx = await startNginx({ redisPort: port });
  return { ...nginx, beginUsage: () => beginUsageOf(nginx.workerPid) };
}
