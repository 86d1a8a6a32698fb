import { EventChannel, EventEndpoint } from "event-endpoint";

const channel = new EventChannel();
const headers = { "Access-Control-Allow-Origin": "*", "Set-Cookie": "seen=yes" };

const onListen = ({ port }) => console.log(`http://localhost:${port}/events`);

Deno.serve({ port: Number(Deno.env.get("PORT") ?? 3000), onListen }, async (request) => {
  if (request.method === "POST") return new Response(await channel.send(await request.text()));
  const events = new EventEndpoint(request, { headers });
  events.addEventListener("close", ({ code }) => console.log(`A stream ended: ${code}`));
  channel.add(events);
  return events.response;
});
