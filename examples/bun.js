import { EventChannel, EventEndpoint } from "event-endpoint";

const channel = new EventChannel();
const headers = { "Access-Control-Allow-Origin": "*", "Set-Cookie": "seen=yes" };

const server = Bun.serve({
  port: process.env.PORT ?? 3000,
  routes: {
    "/events": {
      GET(request) {
        const events = new EventEndpoint(request, { headers });
        events.addEventListener("close", ({ code }) => console.log(`A stream ended: ${code}`));
        channel.add(events);
        return events.response;
      },
      POST: async (request) => new Response(await channel.send(await request.text())),
    },
  },
});
console.log(`http://localhost:${server.port}/events`);
