import { H3, handleCors, serve, setCookie } from "h3";
import { EventChannel, EventEndpoint } from "event-endpoint";

const channel = new EventChannel();
const app = new H3();
app.use((event) => {
  handleCors(event, { origin: "*" });
});

app.get("/events", (event) => {
  setCookie(event, "seen", "yes"); // h3 adds it to the response
  const events = new EventEndpoint(event.req);
  events.addEventListener("close", ({ code }) => console.log(`A stream ended: ${code}`));
  channel.add(events);
  return events.response;
});

app.post("/events", async (event) => channel.send(await event.req.text()));

const server = serve(app, { port: Number(process.env.PORT ?? 3000), silent: true });
await server.ready();
console.log(`http://localhost:${new URL(server.url).port}/events`);
