import cors from "@fastify/cors";
import Fastify from "fastify";
import { EventChannel, EventEndpoint } from "event-endpoint";

const channel = new EventChannel();
const fastify = Fastify();
await fastify.register(cors);
fastify.addContentTypeParser("*", { parseAs: "string" }, (request, body, done) => done(null, body));

fastify.get("/events", (request, reply) => {
  reply.header("Set-Cookie", "seen=yes");
  // What plugins and you have put on the reply is not on the raw response, and hijack() would lose it.
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value) reply.raw.setHeader(name, value);
  }
  reply.hijack();
  const events = new EventEndpoint(request.raw, reply.raw);
  events.addEventListener("close", ({ code }) => console.log(`A stream ended: ${code}`));
  channel.add(events);
});

fastify.post("/events", (request) => channel.send(request.body));

await fastify.listen({ port: Number(process.env.PORT ?? 3000) });
console.log(`http://localhost:${fastify.server.address().port}/events`);
