/**
 * The parts of a Redis client that are used, by shape: `Redis` and `Cluster` of `ioredis` 5 and 6,
 * and what `createClient()` of `redis` 4 to 6 makes. It is only copied: whether it is connected
 * itself does not matter.
 */
export interface RedisClient {
  /** Makes another client with the same settings. */
  duplicate(...args: never[]): unknown;
}

/** One connection, to be used until it fails for the first time. */
export interface RedisConnection {
  /** Resolves once commands can be sent; rejects if that is not soon, or if it is closed. */
  readonly ready: Promise<unknown>;
  /** Whether it has failed or was closed: nothing more can be sent. */
  readonly isOver: boolean;
  send(args: readonly string[]): Promise<unknown>;
  close(): void;
}

/** What clients make of themselves. */
interface Twin {
  on(event: "error" | "end" | "close", listener: (cause?: unknown) => void): unknown;
  connect(): Promise<unknown>;
  /** ioredis */
  call?(...args: readonly string[]): Promise<unknown>;
  /** node-redis */
  sendCommand(args: readonly string[]): Promise<unknown>;
  disconnect(): unknown;
  /** node-redis since 5; before, `disconnect()` drops what is waiting. */
  destroy?(): void;
}

/**
 * Opens a connection of its own, like the client's. It does not connect again by itself: both
 * clients would then send commands once more of which nobody knows whether Redis has run them.
 *
 * @param timeoutMs longest time until it is ready
 */
export function openConnection(client: RedisClient, timeoutMs: number): RedisConnection {
  const twin = duplicate(client);
  let isOver = false;
  let fail!: (cause?: unknown) => void;
  const ready = new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(new Error("Redis did not answer in time")), timeoutMs);
    fail = (cause) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      // Some clients that are closed while they connect never say so.
      reject(cause instanceof Error ? cause : new Error("The connection to Redis is closed"));
      close(twin);
    };
    const succeed = () => {
      clearTimeout(timer);
      resolve(undefined);
    };
    // ioredis has no "error" for each end, node-redis no "close".
    for (const event of ["error", "end", "close"] as const) twin.on(event, fail);
    twin.connect().then(succeed, fail);
  });
  ready.catch(() => {});
  return {
    ready,
    get isOver() {
      return isOver;
    },
    send: (args) => (twin.call ? twin.call(...args) : twin.sendCommand(args)),
    close: () => fail(),
  };
}

function close(twin: Twin): void {
  try {
    const end: unknown = twin.destroy ? twin.destroy() : twin.disconnect();
    if (end instanceof Promise) end.catch(() => {});
  } catch {
    // It was closed already.
  }
}

/** With the settings of the original, but for those that are in the way of a command that blocks. */
function duplicate(client: RedisClient): Twin {
  const { call, options } = client as { call?: unknown; options?: { socket?: object } };
  const original = client as { duplicate(...args: unknown[]): Twin };
  if (isCluster(client)) {
    // What a cluster's client sends once more may have been run: it would be there twice.
    const once = {
      clusterRetryStrategy: null,
      clusterNodeRetryStrategy: null,
      retryDelayOnFailover: 0,
    };
    // Replicas are behind.
    const plain = { lazyConnect: true, keyPrefix: "", scaleReads: "master" };
    return original.duplicate([], { ...once, ...plain, redisOptions: UNHURRIED });
  }
  return original.duplicate(
    call
      ? { ...UNHURRIED, lazyConnect: true, keyPrefix: "", retryStrategy: null }
      : {
          socket: { ...options?.socket, reconnectStrategy: false, socketTimeout: undefined },
          // Types that the user's own commands answer with, and their deadline.
          commandOptions: {},
        },
  );
}

/** Settings of ioredis: each command has a deadline already. */
const UNHURRIED = {
  commandTimeout: undefined,
  socketTimeout: undefined,
  maxRetriesPerRequest: null,
};

/** Are keys spread over several servers, so that one command cannot have all of them? */
export function isCluster(client: RedisClient): boolean {
  return (client as { isCluster?: boolean }).isCluster === true;
}

/** What the client puts before its keys: by itself, or in node-redis not for raw commands. */
export function keyPrefixOf(client: RedisClient): string {
  const { options } = client as { options?: { keyPrefix?: string } };
  return options?.keyPrefix ?? "";
}

/** An entry of a stream. */
export interface StreamEntry {
  readonly id: string;
  readonly fields: ReadonlyMap<string, string>;
}

/** Reads the answer of XRANGE. */
export function readEntries(answer: unknown): StreamEntry[] {
  return (answer as [id: unknown, fields: unknown[]][]).map(([id, flat]) => {
    const fields = new Map<string, string>();
    for (let i = 0; i + 1 < flat.length; i += 2) fields.set(String(flat[i]), String(flat[i + 1]));
    return { id: String(id), fields };
  });
}

/**
 * Reads the answer of XREAD, which has a shape for each protocol and client: pairs of key and
 * entries (RESP2), one flat list (RESP3, ioredis), or an object or `Map` (RESP3, node-redis).
 */
export function readStreams(answer: unknown): [key: string, entries: StreamEntry[]][] {
  if (answer === null || answer === undefined) return [];
  const pairs = readPairs(answer);
  return [...pairs].map((pair) => {
    const [key, entries] = pair as [unknown, unknown];
    return [String(key), readEntries(entries)];
  });
}

function readPairs(answer: unknown): Iterable<unknown> {
  if (answer instanceof Map) return answer;
  if (!Array.isArray(answer)) return Object.entries(answer as object);
  const list: unknown[] = answer;
  if (Array.isArray(list[0])) return list;
  return list.flatMap((key, i, flat) => (i % 2 === 0 ? [[key, flat[i + 1]]] : []));
}
