import { createServer } from "node:http";
import { createSession } from "better-sse";
import { listen } from "../listen.js";

const OPTIONS = { serializer: (data) => data, keepAlive: null, retry: null };

export function start(join) {
  return listen(
    createServer(async (req, res) => {
      join(await createSession(req, res, OPTIONS));
    }),
  );
}

export function send(session, data, id) {
  // There is no way to leave the type out.
  session.push(data, "message", id);
}
