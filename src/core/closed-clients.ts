import { reportError } from "./errors.ts";
import { invalid } from "./frame.ts";
import type { StreamOptions } from "./options.ts";
import { shared } from "./shared.ts";
import type { ClosedClients } from "./types.ts";
import { unpolluted } from "./unpolluted.ts";

/** How long a client stays closed, where nobody said otherwise. */
const HOUR_MS = 3_600_000;

/** What {@link MemoryClosedClients} takes. */
export interface MemoryClosedClientsOptions {
  /** Milliseconds that a mark stays, from the last time it was set. Defaults to 1 h. */
  ttl?: number | undefined;
  /** How many marks are held; the oldest goes first. Defaults to 100 000. */
  maxEntries?: number | undefined;
}

/**
 * The registry of one process: bounded and expiring. A mark is not used up by being looked at, so
 * a second or tenth retry is refused like the first. When it forgets, a client gets in: a wrong 204
 * would be worse than a missed one.
 */
export class MemoryClosedClients implements ClosedClients {
  readonly #ttlMs: number;
  readonly #maxEntries: number;
  /** Marks by the time they expire; oldest first, because setting a mark moves it to the end. */
  readonly #expiryById = new Map<string, number>();

  /** @throws TypeError if an option is not a positive number. */
  constructor(options: MemoryClosedClientsOptions = {}) {
    const { ttl = HOUR_MS, maxEntries = 100_000 } = unpolluted(options);
    for (const [name, value] of Object.entries({ ttl, maxEntries })) {
      if (!(value > 0)) throw invalid(name, "must be positive", value);
    }
    this.#ttlMs = ttl;
    this.#maxEntries = maxEntries;
  }

  has(id: string): boolean {
    return (this.#expiryById.get(id) ?? 0) > performance.now();
  }

  /**
   * Closes this client for good.
   *
   * @param age milliseconds since it was closed, if somebody else did that
   */
  add(id: string, age = 0): void {
    const now = performance.now();
    this.#expiryById.delete(id);
    this.#expiryById.set(id, now + this.#ttlMs - age);
    for (const [oldest, expiry] of this.#expiryById) {
      if (expiry > now && this.#expiryById.size <= this.#maxEntries) break;
      this.#expiryById.delete(oldest);
    }
  }
}

/** The registry of endpoints that were given none. */
export function sharedClosedClients(): ClosedClients {
  return shared("closed-clients", () => new MemoryClosedClients());
}

/** What of a stream's options says which client is meant, and where it is remembered. */
type Registry = Pick<StreamOptions, "closedClients" | "closedClientsScope" | "onError">;

/** Was the client with this id closed for good? A registry that fails lets it in. */
export function isClosedClient(registry: Registry, id: string): boolean {
  // Strictly: the promise of a registry that was made asynchronous must not refuse everybody.
  return callRegistry(registry, "has", id) === true;
}

/** For a client that never gets its closing id, or keeps a cursor of its own. */
export function markClosedClient(registry: Registry, id: string): void {
  callRegistry(registry, "add", id);
}

function callRegistry(
  { closedClients, closedClientsScope, onError }: Registry,
  method: keyof ClosedClients,
  id: string,
): unknown {
  if (!id) return;
  const onFault = (error: unknown) => reportError(onError, error, "closed-clients");
  try {
    // An id is one line, so the last line of a key is always the id.
    const answer: unknown = closedClients[method](
      closedClientsScope ? `${closedClientsScope}\n${id}` : id,
    );
    Promise.resolve(answer).catch(onFault);
    return answer;
  } catch (error) {
    return void onFault(error);
  }
}

/**
 * Closing ids say themselves that their bearer is to be refused, and until when, so that any
 * process can answer 204 with nothing stored. They are not secrets: who forges one refuses himself.
 */
const CLOSING_ID = /^evt-closed\.([0-9a-z]{1,10})(\.\d{1,10}){4}$/;

/** Makes an id for the last frame of a client that is closed for good: 128 random bits, 1 h. */
export function createClosingId(): string {
  // The wall clock, because another process may have to judge it.
  const expiry = Math.ceil((Date.now() + HOUR_MS) / 1000).toString(36);
  return `evt-closed.${expiry}.${crypto.getRandomValues(new Uint32Array(4)).join(".")}`;
}

/** Does this closing id still count? `undefined` if it is none. */
export function readClosingId(id: string): boolean | undefined {
  const expiry = CLOSING_ID.exec(id)?.[1];
  return expiry === undefined ? undefined : parseInt(expiry, 36) * 1000 > Date.now();
}
