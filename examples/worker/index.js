import { DurableObject } from "cloudflare:workers";
import { EventChannel, EventEndpoint } from "event-endpoint";

const options = {
  headers: { "Access-Control-Allow-Origin": "*", "Set-Cookie": "seen=yes" },
  // Workers may notice that a client has gone only when they write.
  keepAlive: 3_000,
};

/** Workers share no memory. A Durable Object does: those who ask for its name get the same one. */
export class Room extends DurableObject {
  #channel = new EventChannel();

  async fetch(request) {
    if (request.method === "POST") {
      return new Response(await this.#channel.send(await request.text()));
    }
    const events = new EventEndpoint(request, options);
    events.addEventListener("close", ({ code }) => console.log(`A stream ended: ${code}`));
    this.#channel.add(events);
    return events.response;
  }
}

export default {
  fetch: (request, env) => env.ROOMS.getByName("main").fetch(request),
};
