/**
 * Gets what all endpoints of a process share under a name (the registry of closed clients, the
 * scheduler), or makes it on first use. Under a registered symbol, so that two copies of the package
 * (bundlers and module graphs make some) still agree.
 */
export function shared<T>(name: string, create: () => T): T {
  const host = globalThis as Record<symbol, unknown>;
  return (host[Symbol.for(`event-endpoint.shared.1.${name}`)] ??= create()) as T;
}
