import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { listen } from "../listen.js";

export function start(join) {
  const app = new Hono();
  app.get("/", (context) =>
    streamSSE(context, (stream) => {
      join(stream);
      // The stream ends with its callback.
      return new Promise((resolve) => stream.onAbort(resolve));
    }),
  );
  return listen(createAdaptorServer({ fetch: app.fetch }));
}

export function send(stream, data, id) {
  stream.writeSSE({ data, id });
}
