import compression from "compression";
import cors from "cors";
import express from "express-4";
import { EventChannel, EventEndpoint } from "event-endpoint";

const channel = new EventChannel();
const app = express();
app.use(cors());
// It may stay: event streams say `no-transform`, and compression lets them pass at once.
app.use(compression());

app.get("/events", (req, res) => {
  res.cookie("seen", "yes"); // what is on the response already stays
  const events = new EventEndpoint(req, res);
  events.addEventListener("close", ({ code }) => console.log(`A stream ended: ${code}`));
  channel.add(events);
});

app.post("/events", express.text({ type: () => true }), async (req, res) => {
  res.send(await channel.send(req.body));
});

const server = app.listen(process.env.PORT ?? 3000, () => {
  console.log(`http://localhost:${server.address().port}/events`);
});
