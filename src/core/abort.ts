import { shared } from "./shared.ts";

/** What is to be called when one signal is aborted. It is the signal's only listener. */
class AbortCalls extends Set<() => void> {
  handleEvent(): void {
    for (const call of [...this]) call();
  }
}

/**
 * Calls back when the signal is aborted. A server-wide signal has as many followers as there are
 * streams: with a listener for each of them, Node would warn of a leak.
 *
 * @returns a function that takes the call back; a signal without followers has no listener
 */
export function followAbort(signal: AbortSignal, call: () => void): () => void {
  const callsBySignal = shared("signals", () => new WeakMap<AbortSignal, AbortCalls>());
  const calls = callsBySignal.get(signal) ?? new AbortCalls();
  if (calls.size === 0) {
    callsBySignal.set(signal, calls);
    signal.addEventListener("abort", calls);
  }
  calls.add(call);
  return () => {
    calls.delete(call);
    if (calls.size === 0) signal.removeEventListener("abort", calls);
  };
}
