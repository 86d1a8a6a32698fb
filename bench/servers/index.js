/**
 * The servers, by file name. Each file exports `start(join)`, which listens, calls `join` with what
 * `send` needs for each client, and answers with the port; and `send(stream, data, id)`.
 *
 * They are configured alike: no JSON around data that is text, no comments that keep alive, no log.
 */
export const SERVERS = {
  "bare-socket": { label: "bare `socket.write`", packages: [] },
  "response-write": { label: "`res.write` by hand", packages: [] },
  "event-endpoint": { label: "event-endpoint", packages: [] },
  "better-sse": { label: "better-sse", packages: ["better-sse"] },
  fastify: { label: "@fastify/sse", packages: ["@fastify/sse", "fastify"] },
  jsext: { label: "@ayonli/jsext", packages: ["@ayonli/jsext"] },
  h3: { label: "h3 `createEventStream`", packages: ["h3"] },
  hono: { label: "hono `streamSSE`", packages: ["hono", "@hono/node-server"] },
};

/** What costs are compared with. */
export const FLOOR = "bare-socket";
export const BY_HAND = "response-write";
export const OURS = "event-endpoint";
