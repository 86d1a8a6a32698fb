/**
 * The few things that all endpoints of a process share: one registry of closed clients, one
 * scheduler. They are made on first use and kept under a registered symbol, so that two copies of
 * the package (bundlers and module graphs make some) still agree.
 */
const SHARED = Symbol.for("event-endpoint.shared.1");

/** Gets what is shared under a name, or makes it. */
export function shared<T>(name: string, create: () => T): T {
  const host = globalThis as Record<symbol, Map<string, unknown> | undefined>;
  const values = (host[SHARED] ??= new Map<string, unknown>());
  if (!values.has(name)) values.set(name, create());
  return values.get(name) as T;
}
