/** What an {@link EventEndpointError} can be about. The guide to options says what to do about each. */
export type EventEndpointErrorCode =
  /** The client did not read and was cut off; its response body ends with this error. */
  | "slow-client"
  /** The source given to `pipe()` or returned by a handler failed; the body ends with this error. */
  | "source-failed"
  /** The channel was closed, and takes nothing any more. */
  | "channel-closed"
  /** The log cannot be reached. What was sent may or may not appear later, at most once. */
  | "log-unavailable";

/** An operational failure. Wrong arguments are a `TypeError` instead. */
export class EventEndpointError extends Error {
  /** Which failure it is: stable, made for `switch`. */
  readonly code: EventEndpointErrorCode;

  constructor(
    code: EventEndpointErrorCode,
    message = `The event stream was broken off: ${code}`,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "EventEndpointError";
    this.code = code;
  }
}

/**
 * Tells the user's `onError` of a fault in the user's own code. An `onError` that fails itself has
 * nobody left to tell, and must not take the process (and every other stream in it) down.
 */
export async function reportError(
  onError: ((error: unknown, context: { stage: ErrorStage }) => unknown) | undefined,
  error: unknown,
  stage: ErrorStage,
): Promise<void> {
  try {
    // It is called at once; an async one may fail later.
    await onError?.(error, { stage });
  } catch {
    // see above
  }
}

/**
 * Takes the rejection of a promise that a callback should not have returned: it is refused for that
 * already, and left alone it would end the process.
 */
export function silence(value: unknown): void {
  // It may be of another realm, or only look like one.
  Promise.resolve(value).catch(() => {});
}

/** Where a fault handed to `onError` came from. */
export type ErrorStage =
  /** A source of `pipe()` threw, rejected, or failed while it was cancelled. */
  | "source"
  /** `toMessage` threw, or an item could not be formatted (serialised, or its id was invalid). */
  | "message"
  /** The handler given to `eventHandler()` threw or rejected. */
  | "handler"
  /** The filter of a channel's member threw; the member did not get the event. */
  | "filter"
  /** The log of a channel failed, or held what cannot be sent. It will be asked again. */
  | "log"
  /** The closed-clients registry failed: a client was let in, or its mark may be missing. */
  | "closed-clients";
