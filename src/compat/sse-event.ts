import { invalid } from "../core/frame.ts";
import type { Message } from "../core/types.ts";

/** What an {@link SSEEvent} carries: `{ data, event?, id?, retry? }`. */
export type SSEMessage = Message;

/**
 * The event of Danet, made of one object. It is dispatched on an `EventTarget` that `pipe()` reads
 * or a handler returns, where it always has the type `message`; `event` is what the client hears.
 *
 * Danet's server ended the stream after an event called `close`. Here that is an event like any
 * other: the client closes when it hears of it, as in Danet's examples, or the handler calls
 * `events.close(true)`, which sends one itself.
 *
 * @example
 * A method with `@SSE()`:
 * ```ts
 * const sendUpdate = eventHandler((events) => {
 *   const target = new EventTarget();
 *   const update = () => target.dispatchEvent(new SSEEvent({ event: "hello", data: "world" }));
 *   const timer = setInterval(update, 100);
 *   events.addEventListener("close", () => clearInterval(timer));
 *   return target;
 * });
 * ```
 */
export class SSEEvent extends CustomEvent<SSEMessage> {
  /** @throws TypeError if the message has no data. */
  constructor(message: SSEMessage) {
    if (message.data === undefined) throw invalid("data", "is missing", undefined);
    super("message", { detail: message });
  }
}

/** The same: Danet's documentation says `new SSEMessage(…)` where its code has `SSEEvent`. */
export const SSEMessage: typeof SSEEvent = SSEEvent;
