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
    // So that the client's `open` fires.
    res.write(":\n\n");
    join(res);
  });
  return listen(server);
}

export function send(res, data, id) {
  res.write(`id: ${id}\ndata: ${data}\n\n`);
}

/** Formatted once, written to everybody. */
export function broadcast(responses, data, id) {
  const frame = `id: ${id}\ndata: ${data}\n\n`;
  for (const res of responses) res.write(frame);
}
