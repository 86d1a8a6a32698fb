import { createServer } from "node:http";
import { listen } from "../listen.js";

// What people write without a library.

export function start(join) {
  const server = createServer((req, res) => {
    res.writeHead(200, {
      "Content-Type": "text/event-stream",
      "Cache-Control": "no-cache",
      Connection: "keep-alive",
    });
    res.flushHeaders();
    join(res);
  });
  return listen(server);
}

export function send(res, data, id) {
  res.write(`id: ${id}\ndata: ${data}\n\n`);
}
