// One of the server processes. It knows nothing of the others but the address of Redis.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { EventChannel, EventEndpoint } from "event-endpoint";
import { RedisEventLog } from "event-endpoint/redis";
import { Redis } from "ioredis";

const [, , name] = process.argv;
const page = await readFile(new URL("page.html", import.meta.url));
const client = new Redis(process.env.REDIS_URL);
client.on("error", () => {}); // the log says what is wrong
const log = new RedisEventLog({ client, key: "cluster-example" });
const channel = new EventChannel({ log });

const routes = {
  "GET /": (req, res) => res.setHeader("Content-Type", "text/html; charset=utf-8").end(page),

  "GET /events": async (req, res) => {
    const events = new EventEndpoint(req, res, { reconnectionTime: [200, 1000] });
    // An event for this client alone: it has no id, and is not replayed.
    if (await channel.add(events)) events.sendEvent("served", { name, pid: process.pid });
  },

  "POST /messages": async (req, res) => {
    const message = await text(req);
    try {
      res.end(await channel.send({ message, by: name }));
    } catch {
      res.writeHead(503).end(); // nobody knows: the page may send it again
    }
  },

  "POST /roll": (req, res) => {
    process.send("roll");
    res.writeHead(202).end();
  },

  "POST /kill": () => process.kill(process.pid, "SIGKILL"),
};

const server = createServer((req, res) => {
  const route = routes[`${req.method} ${req.url}`];
  // Pages of other sites cannot send this type without asking first.
  const isForeign = req.method === "POST" && req.headers["content-type"] !== "application/json";
  if (!route || isForeign) return res.writeHead(404).end();
  route(req, res);
});
server.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));

process.on("SIGINT", () => {}); // the main process says when
process.on("SIGTERM", async () => {
  server.close();
  // Everybody comes back to another server, but not everybody at once.
  await channel.close({ spread: [200, 2000] });
  client.disconnect();
  process.channel?.unref();
});
// Without the main process, nobody needs this one.
process.on("disconnect", () => process.exit());
