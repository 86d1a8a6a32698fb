import { EventChannel, EventEndpoint } from "event-endpoint";

// A build may split routes into bundles with modules of their own: one channel for the process.
const channel = (globalThis.channel ??= new EventChannel());
const headers = { "Access-Control-Allow-Origin": "*", "Set-Cookie": "seen=yes" };

export function GET(request) {
  const events = new EventEndpoint(request, { headers });
  events.addEventListener("close", ({ code }) => console.log(`A stream ended: ${code}`));
  channel.add(events);
  return events.response;
}

export async function POST(request) {
  return new Response(await channel.send(await request.text()));
}
