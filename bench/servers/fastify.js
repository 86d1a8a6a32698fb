import fastifySse from "@fastify/sse";
import { fastify } from "fastify";

export async function start(join) {
  const app = fastify({ logger: false });
  await app.register(fastifySse, { serializer: (data) => data });
  app.get("/", { sse: { kind: "only", heartbeat: false } }, async (request, reply) => {
    reply.sse.keepAlive();
    reply.sse.sendHeaders();
    join(reply.sse);
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  return app.server.address().port;
}

export function send(stream, data, id) {
  stream.send({ data, id });
}
