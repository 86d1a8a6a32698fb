import { createServer } from "node:http";
import { listen } from "../listen.js";
import { EventEndpoint } from "./library.js";

// This library, as it is built.

const OPTIONS = { keepAlive: false };

export function start(join) {
  return listen(createServer((req, res) => join(new EventEndpoint(req, res, OPTIONS))));
}

export function send(events, data, id) {
  events.send(data, id);
}
