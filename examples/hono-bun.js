import { Hono } from "hono";
import { setCookie } from "hono/cookie";
import { EventChannel, EventEndpoint } from "event-endpoint";

const channel = new EventChannel();
const app = new Hono();

app.get("/events", (c) => {
  c.header("Access-Control-Allow-Origin", "*");
  setCookie(c, "seen", "yes");
  const events = new EventEndpoint(c.req.raw);
  events.addEventListener("close", ({ code }) => console.log(`A stream ended: ${code}`));
  channel.add(events);
  // `return events.response` alone may lose what was set by c.header() and setCookie().
  return c.newResponse(events.response.body, events.response);
});

app.post("/events", async (c) => c.text(await channel.send(await c.req.text())));

const server = Bun.serve({ fetch: app.fetch, port: process.env.PORT ?? 3000 });
console.log(`http://localhost:${server.port}/events`);
