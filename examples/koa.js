import cors from "@koa/cors";
import Koa from "koa";
import { text } from "node:stream/consumers";
import { EventChannel, EventEndpoint } from "event-endpoint";

const channel = new EventChannel();
const app = new Koa();
app.use(cors());

app.use(async (ctx) => {
  if (ctx.path !== "/events") return;
  if (ctx.method === "POST") {
    ctx.body = await channel.send(await text(ctx.req));
    return;
  }
  ctx.cookies.set("seen", "yes");
  ctx.respond = false; // the raw response is ours from here on; what is on it stays
  const events = new EventEndpoint(ctx.req, ctx.res);
  events.addEventListener("close", ({ code }) => console.log(`A stream ended: ${code}`));
  channel.add(events);
});

const server = app.listen(process.env.PORT ?? 3000, () => {
  console.log(`http://localhost:${server.address().port}/events`);
});
