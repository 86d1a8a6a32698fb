import { createServer } from "node:net";
import { listen } from "../listen.js";

// The floor: `socket.write` after a head written by hand, without chunked coding.

const HEAD =
  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nConnection: close\r\n\r\n";

export function start(join) {
  // As node:http sets it.
  const server = createServer({ noDelay: true }, (socket) => {
    socket.once("data", () => {
      socket.write(HEAD);
      join(socket);
    });
  });
  return listen(server);
}

export function send(socket, data, id) {
  socket.write(`id: ${id}\ndata: ${data}\n\n`);
}
