import { openConnection, type RedisClient, type RedisConnection } from "./client.ts";

/** Rest between two attempts to connect. */
const RETRY_MS = 200;

/** Longest wait for a connection. */
const CONNECT_MS = 2_500;

/** What Redis has at least to answer a command in. */
const ANSWER_MS = 2_000;

/** How a reply of Redis that is an error begins: a word in capitals, such as WRONGTYPE. */
const ERROR_REPLY = /^-?[A-Z][A-Z_]+ /;

/** The replies of a server that is not, or no longer, the one to talk to. */
const WRONG_SERVER = /^-?(READONLY|UNBLOCKED|MASTERDOWN) /;

/** Runs commands, each with a deadline, on a connection that is opened when it is needed. */
export class Connection {
  readonly #client: RedisClient;
  readonly #onOpen: (connection: RedisConnection) => void;
  #current: RedisConnection | undefined;
  #timesClosed = 0;

  constructor(client: RedisClient, onOpen: (connection: RedisConnection) => void = () => {}) {
    this.#client = client;
    this.#onOpen = onOpen;
  }

  /**
   * Runs a command. While there is no connection, it tries again; from the moment the command was
   * sent it does not, because nobody could tell whether it ran.
   *
   * @throws Error when it was not answered in time, in whatever state Redis is: after `timeoutMs`,
   *   or after 4.5 s if there was no connection at first
   */
  async run(args: readonly string[], timeoutMs: number): Promise<unknown> {
    const calledAt = performance.now();
    const connection = await this.#connect();
    const leftMs = timeoutMs - (performance.now() - calledAt);
    try {
      // With little time left, a connection would be given up that had no chance to answer.
      return await within(connection.send(args), Math.max(ANSWER_MS, leftMs));
    } catch (error) {
      // It may be open and dead.
      if (!isErrorReply(error) || WRONG_SERVER.test(error.message)) this.#drop(connection);
      throw error;
    }
  }

  /** Closes the connection. Commands that wait for it, or for an answer, fail. */
  close(): void {
    this.#timesClosed++;
    if (this.#current) this.#drop(this.#current);
  }

  /** Who gives up waiting leaves the attempt to the others: one of them may always give up. */
  async #connect(): Promise<RedisConnection> {
    const deadline = performance.now() + CONNECT_MS;
    const timesClosed = this.#timesClosed;
    for (let failure: unknown; ;) {
      if (!this.#current || this.#current.isOver) {
        this.#current = openConnection(this.#client, CONNECT_MS);
        this.#onOpen(this.#current);
      }
      const connection = this.#current;
      try {
        await within(connection.ready, deadline - performance.now());
        return connection;
      } catch (error) {
        // Why it could not connect says more than that it took too long.
        if (connection.isOver) failure = error;
        const isLate = performance.now() + RETRY_MS >= deadline;
        if (!isLate) await pause(RETRY_MS);
        if (isLate || timesClosed !== this.#timesClosed) throw failure ?? error;
      }
    }
  }

  #drop(connection: RedisConnection): void {
    if (this.#current === connection) this.#current = undefined;
    connection.close();
  }
}

/** Was it Redis that refused, over a connection that works? */
export function isErrorReply(error: unknown): error is Error {
  return error instanceof Error && ERROR_REPLY.test(error.message);
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits for an answer, but not for ever. */
async function within<T>(answer: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("Redis did not answer in time")), Math.max(0, ms));
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
