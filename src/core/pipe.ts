import { type ErrorStage, ignore } from "./errors.ts";
import { type EventPayload, readEventPayload } from "./events.ts";
import { invalid } from "./frame.ts";
import type { PipeOptions, Source } from "./types.ts";

/** What piping needs of the stream that it feeds. */
export interface PipeTarget {
  /** Aborted when the stream closes. */
  readonly signal: AbortSignal;
  /** @throws TypeError if the item cannot be sent. */
  send(payload: EventPayload): Promise<boolean>;
  /** The source is exhausted. */
  ended(): void;
  /** The source, or the user's code that looks at its items, failed. */
  failed(error: unknown, stage: ErrorStage): void;
}

/** What is left of any source that is read item by item. */
interface Reader {
  next(): unknown;
  return?(): unknown;
}

type ToMessage = ((item: unknown) => unknown) | null | undefined;

/**
 * Items after which a source that never makes us wait lets the event loop run. Promise callbacks
 * alone would starve the sockets, and so the client that is to leave.
 */
const ITEMS_PER_TURN = 512;

/** Reads a source into a stream; see `EventStream.pipe()`. */
export function pipeSource(
  source: Source,
  toMessage: ToMessage,
  { types = ["message"], end = "close" }: PipeOptions = {},
  target: PipeTarget,
): Promise<void> {
  if (toMessage != null && typeof toMessage !== "function") {
    throw invalid("pipe", "toMessage", "must be a function", toMessage);
  }
  const reader = openReader(source);
  if (reader) return pipeReader(reader, toMessage, end, target);
  if (isObject(source) && typeof (source as EventTarget).addEventListener === "function") {
    return pipeEvents(source as EventTarget, toMessage, types, target);
  }
  const kinds = "an iterable, an async iterable, a ReadableStream or an EventTarget";
  throw invalid("pipe", "source", `must be ${kinds}`, source);
}

function openReader(source: Source): Reader | undefined {
  // A string is iterable, but nobody means its characters.
  if (!isObject(source)) return undefined;
  const { getReader } = source as ReadableStream;
  if (typeof getReader === "function") {
    const reader = (source as ReadableStream).getReader();
    return { next: () => reader.read(), return: () => reader.cancel() };
  }
  if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]();
  if (Symbol.iterator in source) return source[Symbol.iterator]();
  return undefined;
}

function pipeReader(
  reader: Reader,
  toMessage: ToMessage,
  end: PipeOptions["end"],
  target: PipeTarget,
): Promise<void> {
  return new Promise((resolve) => {
    // The source may be in the middle of a step that never ends: it is told now, not after it.
    const leave = () => {
      release(reader, target);
      resolve();
    };
    if (target.signal.aborted) return leave();
    target.signal.addEventListener("abort", leave, { once: true });
    const settle = (finish: () => void) => {
      if (target.signal.aborted) return;
      target.signal.removeEventListener("abort", leave);
      finish();
      resolve();
    };
    readAll(reader, toMessage, target).then(
      () => settle(() => end === "close" && target.ended()),
      (fault: Fault) =>
        settle(() => {
          // A source that failed itself is over; one whose item failed still has to be told.
          if (fault.stage !== "source") release(reader, target);
          target.failed(fault.error, fault.stage);
        }),
    );
  });
}

/** Rejects with a {@link Fault}. */
async function readAll(reader: Reader, toMessage: ToMessage, target: PipeTarget): Promise<void> {
  for (let count = 1; ; count++) {
    let result: IteratorResult<unknown>;
    let item: unknown;
    try {
      result = (await reader.next()) as IteratorResult<unknown>;
      // Sources of ready promises are as good as async ones.
      item = await result.value;
    } catch (error) {
      throw new Fault(error, "source");
    }
    if (result.done || target.signal.aborted) return;
    const payload = readItem(item, toMessage);
    if (payload) await trySend(payload, target);
    if (count % ITEMS_PER_TURN === 0) await nextTurn();
  }
}

function pipeEvents(
  source: EventTarget,
  toMessage: ToMessage,
  types: readonly string[],
  target: PipeTarget,
): Promise<void> {
  return new Promise((resolve) => {
    const onEvent = (event: Event) => {
      try {
        const payload = readItem(event, toMessage);
        // Events cannot be told to wait. What they pile up is bounded by `maxBufferedAmount`.
        if (payload) trySend(payload, target).catch(ignore); // it never rejects
      } catch (fault) {
        target.failed((fault as Fault).error, (fault as Fault).stage);
      }
    };
    const leave = () => {
      for (const type of types) source.removeEventListener(type, onEvent);
      resolve();
    };
    if (target.signal.aborted) return resolve();
    for (const type of types) source.addEventListener(type, onEvent);
    target.signal.addEventListener("abort", leave, { once: true });
  });
}

/** What of an item is to be sent; `undefined` for nothing. @throws Fault */
function readItem(item: unknown, toMessage: ToMessage): EventPayload | undefined {
  if (!toMessage) return (isEvent(item) && readEventPayload(item)) || { data: item };
  try {
    const message = toMessage(item);
    if (message == null) return undefined;
    const payload = isEvent(message) ? readEventPayload(message) : message;
    if (isObject(payload) && "data" in payload) return payload as EventPayload;
    throw invalid("pipe", "toMessage", "must return { data, event?, id?, retry? }", message);
  } catch (error) {
    throw new Fault(error, "message");
  }
}

/** @throws Fault if the item cannot be sent */
function trySend(payload: EventPayload, target: PipeTarget): Promise<boolean> {
  try {
    return target.send(payload);
  } catch (error) {
    throw new Fault(error, "message");
  }
}

/** Tells a source that nobody reads it any more. Nobody waits for its answer, either. */
function release(reader: Reader, target: PipeTarget): void {
  const failed = (error: unknown) => target.failed(error, "source");
  try {
    Promise.resolve(reader.return?.()).catch(failed);
  } catch (error) {
    failed(error);
  }
}

/** The user's error, and where it came from. */
class Fault {
  readonly error: unknown;
  readonly stage: ErrorStage;

  constructor(error: unknown, stage: ErrorStage) {
    this.error = error;
    this.stage = stage;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** An event of whatever class: plain data may well have a `type`, but no `preventDefault`. */
function isEvent(value: unknown): value is Event {
  return isObject(value) && typeof (value as Event).preventDefault === "function";
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
