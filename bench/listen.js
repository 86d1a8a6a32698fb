/**
 * Listens on a free port.
 *
 * @param {import("node:net").Server} server
 * @returns {Promise<number>} the port
 */
export function listen(server) {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () =>
      resolve(server.address().port),
    );
  });
}
