import { createServer } from "node:http";
import { createEventStream, H3, toNodeHandler } from "h3";
import { listen } from "../listen.js";

export function start(join) {
  const app = new H3();
  app.get("/", (event) => {
    const stream = createEventStream(event);
    join(stream);
    return stream;
  });
  return listen(createServer(toNodeHandler(app)));
}

export function send(stream, data, id) {
  stream.push({ data, id });
}
