import type { Socket } from "node:net";
import { shared } from "../../core/shared.ts";

/**
 * A signal that is aborted when the socket closes. Each socket has one, with one listener: many
 * pipelined requests may wait on it.
 */
export function findCloseSignal(socket: Socket): AbortSignal {
  const signals = shared("sockets", () => new WeakMap<Socket, AbortSignal>());
  const known = signals.get(socket);
  if (known) return known;
  const controller = new AbortController();
  socket.once("close", () => controller.abort());
  signals.set(socket, controller.signal);
  return controller.signal;
}
