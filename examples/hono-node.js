import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { setCookie } from "hono/cookie";
import { cors } from "hono/cors";
import { EventChannel, EventEndpoint } from "event-endpoint";

const channel = new EventChannel();
const app = new Hono();
app.use(cors());

app.get("/events", (c) => {
  setCookie(c, "seen", "yes");
  const events = new EventEndpoint(c.req.raw);
  events.addEventListener("close", ({ code }) => console.log(`A stream ended: ${code}`));
  channel.add(events);
  // `return events.response` alone may lose what was set by c.header() and setCookie().
  return c.newResponse(events.response.body, events.response);
});

app.post("/events", async (c) => c.text(await channel.send(await c.req.text())));

serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) }, ({ port }) => {
  console.log(`http://localhost:${port}/events`);
});
