import { Redis as Redis6 } from "ioredis";
import { Redis as Redis5 } from "ioredis-5";
import { createClient as createClient6 } from "redis";
import { createClient as createClient4 } from "redis-4";
import { createClient as createClient5 } from "redis-5";
import type { RedisClient } from "../../src/redis/client.ts";

/** A client as a user makes it, and how the user closes it. */
export interface OpenClient {
  readonly client: RedisClient;
  close(): unknown;
}

const ioredis = (Redis: typeof Redis6, protocol: 2 | 3) => (url: string) => {
  const client = new Redis(url, { protocol });
  // While Redis is away, it tells so again and again.
  client.on("error", () => {});
  return { client, close: () => client.disconnect() };
};

const nodeRedis =
  (create: (options: object) => unknown, RESP: 2 | 3) =>
  (url: string): OpenClient => {
    const client = create({ url, RESP }) as ReturnType<typeof createClient6>;
    client.on("error", () => {});
    // Never connected: it only is copied.
    return { client: client, close: () => {} };
  };

/** Every client and protocol that is supported. */
export const CLIENTS: Record<string, (url: string) => OpenClient> = {
  "ioredis 5, RESP2": ioredis(Redis5 as never, 2),
  "ioredis 6, RESP2": ioredis(Redis6, 2),
  "ioredis 6, RESP3": ioredis(Redis6, 3),
  "redis 4, RESP2": nodeRedis(createClient4, 2),
  "redis 5, RESP2": nodeRedis(createClient5, 2),
  "redis 5, RESP3": nodeRedis(createClient5, 3),
  "redis 6, RESP2": nodeRedis(createClient6, 2),
  "redis 6, RESP3": nodeRedis(createClient6, 3),
};
