import { type ErrorStage, silence } from "./errors.ts";
import { type EventPayload, isObjectWith, readEventPayload } from "./events.ts";
import { invalid } from "./frame.ts";
import type { PipeOptions } from "./types.ts";
import { unpolluted } from "./unpolluted.ts";

/** What piping needs of the stream that it feeds. */
export interface PipeTarget {
  /** Aborted when the stream closes. */
  readonly signal: AbortSignal;
  /** @throws TypeError if the item cannot be sent. */
  send(payload: EventPayload): Promise<boolean>;
  /** The source is exhausted. */
  ended(): void;
  /** The source, or the user's code that looks at its items, failed. Closes the stream. */
  failed(error: unknown, stage: ErrorStage): void;
}

/** What is left of any source that is read item by item. */
interface Reader {
  next(): unknown;
  return?(): unknown;
}

/**
 * Items after which a source that never makes us wait lets the event loop run. Promise callbacks
 * alone would starve the sockets, and so the client that is to leave.
 */
const ITEMS_PER_TURN = 512;

/** Reads a source into a stream; see `EventStream.pipe()`. */
export function pipeSource(
  source: unknown,
  toMessage: ((item: never) => unknown) | null | undefined,
  options: PipeOptions = {},
  target: PipeTarget,
): Promise<void> {
  const { types = ["message"], end } = unpolluted(options);
  if (toMessage != null && typeof toMessage !== "function") {
    throw invalid("toMessage", "must be a function", toMessage);
  }
  const { signal } = target;
  const isOver = () => signal.aborted;
  const reader = openReader(source);
  if (!reader && !isObjectWith(source, "addEventListener")) {
    throw invalid("source", "must be an iterable, ReadableStream or EventTarget", source);
  }

  /** Sends an item. The user's code and the item's fields may throw; a full buffer makes it wait. */
  const give = (item: unknown): Promise<boolean> | undefined => {
    try {
      const payload = readItem(item, toMessage);
      return payload && target.send(payload);
    } catch (error) {
      target.failed(error, "message");
      return undefined;
    }
  };
  const onEvent = (event: Event) => void give(event);
  const listen = (method: "addEventListener" | "removeEventListener") => {
    try {
      for (const type of types) (source as EventTarget)[method](type, onEvent);
    } catch (error) {
      target.failed(error, "source");
    }
  };
  const readAll = async (from: Reader): Promise<void> => {
    for (let count = 1; !isOver(); count++) {
      const { done, value } = (await from.next()) as IteratorResult<unknown, unknown>;
      let item: unknown;
      try {
        // Sources of ready promises are as good as async ones.
        item = await value;
      } catch (error) {
        // They do not know that it failed: the end of the stream tells them, as long as we listen.
        return target.failed(error, "source");
      }
      if (done) return;
      if (!isOver()) await give(item);
      if (count % ITEMS_PER_TURN === 0) await new Promise((resolve) => setTimeout(resolve));
    }
  };

  return new Promise((resolve) => {
    const unfollow = () => signal.removeEventListener("abort", leave);
    const onFault = (error: unknown) => target.failed(error, "source");
    // The source may be in the middle of a step that never ends: it is told now, not after it.
    const leave = () => {
      unfollow();
      resolve();
      if (reader) release(reader).catch(onFault);
      else listen("removeEventListener");
    };
    if (signal.aborted) return leave();
    signal.addEventListener("abort", leave);
    if (!reader) return listen("addEventListener");
    // From its end on it need not be told.
    const onEnd = () => end === "keep-open" || target.ended();
    // Whoever waits for the end of the piping finds the stream as that has left it.
    void readAll(reader)
      .finally(unfollow)
      .then(onEnd, onFault)
      .then(() => resolve());
  });
}

/** Tells a source that nobody reads it any more. */
async function release(reader: Reader): Promise<void> {
  await reader.return?.();
}

function openReader(source: unknown): Reader | undefined {
  if (isObjectWith(source, "getReader")) {
    const reader = (source as ReadableStream).getReader();
    return { next: () => reader.read(), return: () => reader.cancel() };
  }
  const iterable = source as AsyncIterable<unknown> & Iterable<unknown>;
  if (isObjectWith(source, Symbol.asyncIterator)) return iterable[Symbol.asyncIterator]();
  // A string is iterable, but no object: nobody means its characters.
  return isObjectWith(source, Symbol.iterator) ? iterable[Symbol.iterator]() : undefined;
}

/** What of an item is to be sent; `undefined` for nothing. */
function readItem(
  item: unknown,
  toMessage: ((item: never) => unknown) | null | undefined,
): EventPayload | undefined {
  const message = toMessage ? toMessage(item as never) : item;
  // By shape, but plain data may well have a `type`: it has no `preventDefault`.
  if (isObjectWith(message, "preventDefault")) {
    const payload = readEventPayload(message as Event);
    if (payload) return payload;
  }
  if (!toMessage) return { data: item };
  if (message == null) return undefined;
  if (isObjectWith(message, "data")) return message as EventPayload;
  silence(message);
  throw invalid("toMessage", "must return { data, event?, id?, retry? }", message);
}
