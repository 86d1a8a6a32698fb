/**
 * One server of several: whoever asks for events is added to the channel, and whoever posts sends
 * an event to it. Started with a plan; says its port, and what went wrong where nobody caught it.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { EventChannel } from "../../src/channel/event-channel.ts";
import { EventEndpoint } from "../../src/event-endpoint.ts";
import { RedisClosedClients } from "../../src/redis/closed-clients.ts";
import { RedisEventLog } from "../../src/redis/event-log.ts";
import { CLIENTS } from "./clients.ts";
import type { Plan, Report } from "./fleet.ts";

const plan = JSON.parse(process.argv[2]!) as Plan;
const say = (report: Report) => process.send?.(report);
for (const event of ["unhandledRejection", "uncaughtException", "warning"]) {
  (process as NodeJS.EventEmitter).on(event, (fault) => say({ fault: `${event}: ${fault}` }));
}

const { client, close } = CLIENTS[plan.kind]!(plan.url);
const closedClients = new RedisClosedClients({ client, key: `${plan.key} closed` });
const channel = new EventChannel({
  log: new RedisEventLog({ client, key: plan.key, maxEntries: 100_000 }),
});
const server = createServer((req, res) => {
  if (req.method === "POST") {
    channel.send(req.url!.slice(1)).then(
      (id) => res.end(id),
      () => res.writeHead(503).end(),
    );
    return;
  }
  const events = new EventEndpoint(req, res, { reconnectionTime: 20, closedClients });
  if (req.url === "/once") {
    // One that has an id of its own is marked by it.
    void events.send("bye", `own-${plan.key}`);
    return void events.close(true);
  }
  void channel.add(events);
});

// A test that is gone leaves nothing behind.
const end = () => process.exit(1);
process.on("disconnect", end);
process.on("message", () => {
  process.off("disconnect", end);
  // All that is needed for a process to end.
  server.close();
  void channel.close({ spread: [20, 200] });
  closedClients[Symbol.dispose]();
  void close();
  process.disconnect();
});
void closedClients.ready.then(() =>
  server.listen(0, "127.0.0.1", () => say({ port: (server.address() as AddressInfo).port })),
);
