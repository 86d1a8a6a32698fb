import { openConnection, type RedisClient, type RedisConnection } from "./client.ts";

/** Rest between two attempts to connect. */
const RETRY_MS = 200;

/** How a reply of Redis that is an error begins: a word in capitals, such as WRONGTYPE. */
const ERROR_REPLY = /^-?[A-Z][A-Z_]+ /;

/** Runs commands, each with a deadline, on a connection that is opened when it is needed. */
export class Connection {
  readonly #client: RedisClient;
  readonly #onOpen: (connection: RedisConnection) => void;
  #current: RedisConnection | undefined;

  constructor(client: RedisClient, onOpen: (connection: RedisConnection) => void = () => {}) {
    this.#client = client;
    this.#onOpen = onOpen;
  }

  /**
   * Runs a command. While there is no connection, it tries again; from the moment the command was
   * sent it does not, because nobody could tell whether it ran.
   *
   * @throws Error when it was not answered in time, in whatever state Redis is
   */
  async run(args: readonly string[], timeoutMs: number): Promise<unknown> {
    const deadline = performance.now() + timeoutMs;
    const connection = await this.#connect(deadline);
    try {
      return await within(connection.send(args), deadline);
    } catch (error) {
      // It may be open and dead.
      if (!isErrorReply(error)) this.#drop(connection);
      throw error;
    }
  }

  /** Closes the connection. Commands that wait for an answer fail. */
  close(): void {
    if (this.#current) this.#drop(this.#current);
  }

  async #connect(deadline: number): Promise<RedisConnection> {
    for (;;) {
      if (!this.#current || this.#current.isOver) {
        this.#current = openConnection(this.#client);
        this.#onOpen(this.#current);
      }
      const connection = this.#current;
      try {
        await within(connection.ready, deadline);
        return connection;
      } catch (error) {
        this.#drop(connection);
        if (performance.now() + RETRY_MS >= deadline) throw error;
        await pause(RETRY_MS);
      }
    }
  }

  #drop(connection: RedisConnection): void {
    if (this.#current === connection) this.#current = undefined;
    connection.close();
  }
}

/** Was it Redis that refused, over a connection that works? */
export function isErrorReply(error: unknown): boolean {
  return error instanceof Error && ERROR_REPLY.test(error.message);
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits for an answer, but not longer than until the deadline. */
async function within<T>(answer: Promise<T>, deadline: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const fail = () => reject(new Error("Redis did not answer in time"));
    timer = setTimeout(fail, Math.max(0, deadline - performance.now()));
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
