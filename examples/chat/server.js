import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { EventChannel, EventEndpoint } from "event-endpoint";

const page = readFileSync(new URL("page.html", import.meta.url));
const channel = new EventChannel();

/** One stream for all the rooms that somebody is in. */
function join(req, res, query) {
  const topics = query.getAll("room");
  const name = query.get("name");
  // For those who are there now: nobody needs to hear later who came and went.
  const tell = (type) => {
    for (const topic of topics) {
      channel.sendEvent(type, { name }, { topic, transient: true }).catch(ignore);
    }
  };
  const events = new EventEndpoint(req, res, { reconnectionTime: [500, 1500] });
  if (events.closed) return;
  tell("joined");
  events.addEventListener("close", () => tell("left"));
  channel.add(events, { topics });
}

async function say(req, res) {
  const { room, name, text } = (await json(req).catch(() => null)) ?? {};
  const isText = (value) => typeof value === "string" && /^.{1,500}$/.test(value);
  if (![room, name, text].every(isText)) return res.writeHead(400).end();
  const id = await channel.send({ room, name, text }, { topic: room });
  res.writeHead(201).end(id);
}

const server = createServer((req, res) => {
  const { pathname, searchParams } = new URL(req.url, "http://localhost");
  if (pathname === "/events") join(req, res, searchParams);
  else if (pathname === "/messages" && req.method === "POST") say(req, res).catch(console.error);
  else res.writeHead(200, { "Content-Type": "text/html; charset=utf-8" }).end(page);
});

server.listen(process.env.PORT ?? 3000, () => {
  console.log(`http://localhost:${server.address().port}/`);
});

// Ends the streams, which would otherwise hold the server for ever; the clients come back to the next.
process.on("SIGTERM", () => {
  server.close();
  channel.close({ spread: [500, 5000] });
});

function ignore() {} // the channel is closed, and nobody is there any more
