import { createServer } from "node:http";
import { EventChannel, EventEndpoint } from "../../dist/index.js";
import { listen } from "../listen.js";

// This library's broadcast, as it is built: with the default log, and nothing tuned.

const OPTIONS = { keepAlive: false };

const channel = new EventChannel();

export function start(join) {
  return listen(
    createServer(async (req, res) => {
      const events = new EventEndpoint(req, res, OPTIONS);
      if (await channel.add(events)) join(events);
    }),
  );
}

export function broadcast(members, data) {
  channel.send(data);
}
