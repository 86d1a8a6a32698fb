/**
 * The servers, by file name. Each file exports `start(join)`, which listens, calls `join` with what
 * it needs for each client, and answers with the port; and at least one of `send(stream, data, id)`
 * and `broadcast(streams, data, id)`. Without the latter, everybody is sent the event one by one.
 *
 * They are configured alike: no JSON around data that is text, no comments that keep alive, no log.
 *
 * `givesIds`: the events' ids are the server's own. `isProgram`: the server is no part of the
 * process that the file is loaded into; see servers/nchan.js.
 */
export const SERVERS = {
  "bare-socket": { label: "bare `socket.write`", packages: [] },
  "shared-buffer": { label: "bare `socket.write(sharedBuffer)`", packages: [] },
  "joined-buffer": { label: "bare `socket.write` of all at once", packages: [] },
  "response-write": { label: "`res.write` by hand", packages: [] },
  "event-endpoint": { label: "event-endpoint", packages: [] },
  "event-channel": { label: "event-endpoint `EventChannel`", packages: [], givesIds: true },
  "better-sse": { label: "better-sse", packages: ["better-sse"] },
  "better-sse-channel": { label: "better-sse `Channel`", packages: ["better-sse"] },
  fastify: { label: "@fastify/sse", packages: ["@fastify/sse", "fastify"] },
  jsext: { label: "@ayonli/jsext", packages: ["@ayonli/jsext"] },
  h3: { label: "h3 `createEventStream`", packages: ["h3"] },
  hono: { label: "hono `streamSSE`", packages: ["hono", "@hono/node-server"] },
  nchan: { label: "nginx + nchan", packages: [], givesIds: true, isProgram: true },
};

/** Whom each client gets events of its own from. */
export const STREAM_SERVERS = [
  "bare-socket",
  "response-write",
  "event-endpoint",
  "better-sse",
  "fastify",
  "jsext",
  "h3",
  "hono",
];

/** Who brings one event to everybody. */
export const BROADCAST_SERVERS = [
  "shared-buffer",
  "response-write",
  "event-channel",
  "better-sse-channel",
  "fastify",
  "jsext",
  "h3",
  "hono",
  "nchan",
];

/** What costs are compared with. */
export const FLOOR = "bare-socket";
export const BROADCAST_FLOOR = "shared-buffer";
export const BURST_FLOOR = "joined-buffer";
export const BY_HAND = "response-write";
export const OURS = "event-endpoint";
export const OUR_CHANNEL = "event-channel";
