import { createServer } from "node:net";
import { listen } from "../listen.js";
import { answer } from "./shared-buffer.js";

// The floor of a burst: all events of one turn as one chunk, made once.

let frames = "";

export function start(join) {
  return listen(createServer({ noDelay: true }, (socket) => answer(socket, join)));
}

export function broadcast(sockets, data, id) {
  if (!frames) process.nextTick(write, sockets);
  frames += `id: ${id}\ndata: ${data}\n\n`;
}

function write(sockets) {
  const chunk = Buffer.from(`${Buffer.byteLength(frames).toString(16)}\r\n${frames}\r\n`);
  frames = "";
  for (const socket of sockets) socket.write(chunk);
}
