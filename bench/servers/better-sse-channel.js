import { createServer } from "node:http";
import { createChannel, createSession } from "better-sse";
import { listen } from "../listen.js";

const OPTIONS = { serializer: (data) => data, keepAlive: null, retry: null };

const channel = createChannel();

export function start(join) {
  return listen(
    createServer(async (req, res) => {
      const session = await createSession(req, res, OPTIONS);
      channel.register(session);
      join(session);
    }),
  );
}

export function broadcast(sessions, data, eventId) {
  // There is no way to leave the type out.
  channel.broadcast(data, "message", { eventId });
}
