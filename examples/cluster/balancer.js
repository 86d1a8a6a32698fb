import { once } from "node:events";
import { connect, createServer } from "node:net";

/** Brings each connection to the server whose turn it is, or to the next one that is there. */
export async function startBalancer(servers, port) {
  let turn = 0;

  function pass(client, attempts) {
    const server = servers[turn++ % servers.length];
    if (!server || attempts === 0) return client.destroy();
    const upstream = connect(server.port, "127.0.0.1");
    upstream.once("connect", () => {
      client.pipe(upstream).pipe(client);
      client.on("close", () => upstream.destroy());
      // What the server has still said is for the client.
      upstream.on("close", () => client.destroySoon());
    });
    upstream.on("error", () => {
      if (upstream.pending && !client.destroyed) pass(client, attempts - 1);
    });
  }

  const balancer = createServer((client) => {
    client.on("error", () => {});
    pass(client, servers.length);
  });
  await once(balancer.listen(port, "127.0.0.1"), "listening");
  return balancer;
}
