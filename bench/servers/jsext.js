import { createServer } from "node:http";
import { EventEndpoint } from "@ayonli/jsext/sse";
import { listen } from "../listen.js";

export function start(join) {
  return listen(createServer((req, res) => join(new EventEndpoint(req, res))));
}

export function send(events, data, id) {
  events.send(data, id);
}
