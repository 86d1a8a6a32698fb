import { createServer } from "node:net";
import { listen } from "../listen.js";

// The floor of a broadcast: the same bytes to every socket, in chunked coding, made once.

const HEAD =
  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";

export function start(join) {
  // As node:http sets it.
  return listen(createServer({ noDelay: true }, (socket) => answer(socket, join)));
}

/** Answers whatever is asked. */
export function answer(socket, join) {
  socket.once("data", () => {
    socket.write(HEAD);
    join(socket);
  });
}

export function broadcast(sockets, data, id) {
  const frame = `id: ${id}\ndata: ${data}\n\n`;
  const chunk = Buffer.from(`${Buffer.byteLength(frame).toString(16)}\r\n${frame}\r\n`);
  for (const socket of sockets) socket.write(chunk);
}
