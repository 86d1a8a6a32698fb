import { followAbort } from "./abort.ts";
import {
  createClosingId,
  isClosedClient,
  markClosedClient,
  readClosingId,
} from "./closed-clients.ts";
import { Delivery } from "./delivery.ts";
import { type ErrorStage, reportError } from "./errors.ts";
import { CloseEvent, isObjectWith, readEventPayload } from "./events.ts";
import {
  formatComment,
  formatMessage,
  formatRetry,
  type FrameFields,
  invalid,
  KEEP_ALIVE_FRAME,
  readFields,
  readLine,
  readRetry,
  serializeData,
} from "./frame.ts";
import { readHeaders } from "./headers.ts";
import { readOptions, type StreamOptions } from "./options.ts";
import { pipeSource } from "./pipe.ts";
import { readLastEventId, type RequestInfo } from "./request.ts";
import type { Sink } from "./sink.ts";
import type {
  CloseOptions,
  DefaultEvents,
  EndpointEventTarget,
  EventEndpointOptions,
  EventFields,
  Message,
  PipeOptions,
  Source,
} from "./types.ts";
import { unpolluted } from "./unpolluted.ts";

/** Breaks a stream off because code of the user's failed. For the package, not for users. */
export let failStream: (stream: EventStream<never>, error: unknown, stage: ErrorStage) => void;

/** What brings a stream's frames to its client. For the package, not for users. */
export let deliveryOf: (stream: EventStream<never>) => Delivery;

/** The platform's class, with the types of our events. */
const TypedEventTarget: new () => EndpointEventTarget = EventTarget;

/**
 * One event stream to one client, over whatever sink: the state machine that `EventEndpoint` is
 * built on. It is open until the first reason to end it, and says so exactly once.
 */
export abstract class EventStream<Events = DefaultEvents> extends TypedEventTarget {
  readonly #options: StreamOptions;
  readonly #delivery: Delivery;
  /** Whether listeners can have been added: an end before that is told later. */
  #constructed = false;
  /** The text given with what ended the stream. */
  #reason = "";
  /** For those who wait for the end; made when somebody asks for it. */
  #finished: Promise<void> | undefined;
  #settle: (() => void) | undefined;

  static {
    failStream = (stream, error, stage) => stream.#fail(error, stage);
    deliveryOf = (stream) => {
      if (isObjectWith(stream, "closed") && #delivery in stream) return stream.#delivery;
      throw invalid("events", "must be an EventEndpoint", stream);
    };
  }

  protected constructor(sink: Sink, request: RequestInfo, options: EventEndpointOptions = {}) {
    super();
    // Everything that can throw comes before the first byte.
    const given = unpolluted(options);
    const { lastEventIdParams = true } = given;
    this.#options = readOptions(given);
    const headers = readHeaders(given.headers);
    const { signal, reconnectionTime, highWaterMark } = this.#options;
    const lastEventId = readLastEventId(request, lastEventIdParams);
    const isClosing = readClosingId(lastEventId);
    const isRefused = isClosing ?? isClosedClient(this.#options, lastEventId);
    let unfollow: (() => void) | undefined;
    const delivery = new Delivery(sink, this.#options, async (code, wasClean) => {
      unfollow?.();
      this.#settle?.();
      // Nobody can listen to an endpoint that is still being made.
      if (!this.#constructed) await Promise.resolve();
      super.dispatchEvent(new CloseEvent("close", { code, reason: this.#reason, wasClean }));
    });
    this.#delivery = delivery;
    // One of ours is none of the application's.
    if (isClosing === undefined) delivery.lastEventId = lastEventId;

    if (isRefused) delivery.code = "refused";
    else if (request.method === "HEAD") delivery.code = "closed";
    // Something has to leave at once, or the client's `open` waits with it.
    const preamble = this.closed ? "" : formatRetry(reconnectionTime) || KEEP_ALIVE_FRAME;
    delivery.start({ status: isRefused ? 204 : 200, headers, preamble, highWaterMark });
    if (signal?.aborted) delivery.end("aborted");
    else if (signal && !this.closed) {
      unfollow = endOnAbort(delivery, signal);
    }
    this.#constructed = true;
  }

  /**
   * What the client received last, as far as the server can tell: the id that its reconnect
   * brought, then the id that was sent last. `""` if none.
   */
  get lastEventId(): string {
    this.#delivery.flushFeeders();
    return this.#delivery.lastEventId;
  }

  /** `true` from the moment nothing more can be sent, whoever ended the stream. */
  get closed(): boolean {
    return this.#delivery.code !== undefined;
  }

  /** Bytes that `send()` accepted and that the operating system or the reader has not yet taken. */
  get bufferedAmount(): number {
    return this.#delivery.bufferedAmount;
  }

  /** Aborted when the endpoint closes: for `fetch()`, timers and async iterators made for it. */
  get signal(): AbortSignal {
    return this.#delivery.signal;
  }

  /**
   * Sends a message, which the client's `onmessage` gets.
   *
   * @param data a string is sent as it is (its line breaks arrive as LF), anything else through
   *   `options.serialize`
   * @param idOrFields the event's id, or its `id`, `event` and `retry`
   * @returns `true` once the bytes are accepted and less than `highWaterMark` is waiting; `false`
   *   if the endpoint is closed, or closes while this waits. Never rejects, needs no `await`.
   * @throws TypeError (at once, with nothing written) if the data cannot be serialised or a field
   *   cannot be sent as it is
   */
  send(data: unknown, idOrFields?: string | EventFields | null): Promise<boolean> {
    return this.closed ? this.#delivery.whenDrained() : this.#send(data, readFields(idOrFields));
  }

  /**
   * Sends an event of a type of its own, which the client gets by `addEventListener(event, …)`.
   * Everything else is as in {@link send}.
   */
  sendEvent<Type extends keyof Events & string>(
    event: Type,
    data: Events[Type],
    idOrFields?: string | Omit<EventFields, "event"> | null,
  ): Promise<boolean> {
    if (this.closed) return this.#delivery.whenDrained();
    return this.#send(data, { ...readFields(idOrFields), event: readLine("event", event) });
  }

  /**
   * Sends a message and returns at once: `true` when it was handed on, `false` when closed.
   *
   * @throws TypeError as {@link send}
   */
  dispatchMessage(data: unknown): boolean {
    return !this.closed && this.#delivery.accept(this.#format(data, readFields(null)));
  }

  /**
   * Sends a comment, which clients ignore: for people who read the stream. `true` when it was
   * handed on, `false` when closed.
   */
  dispatchComment(comment: string): boolean {
    return !this.closed && this.#delivery.accept(formatComment(comment));
  }

  /**
   * Runs the local listeners and then sends the event, if it is one to be sent: a `MessageEvent`,
   * a `ServerSentEvent`, or a `CustomEvent` whose `detail` is `{ data, event?, id?, retry? }`.
   * Any other event stays here.
   *
   * @returns `false` if the endpoint is closed or a listener called `preventDefault()` on a
   *   cancelable event, which then is not sent
   * @throws TypeError as {@link send}, before any listener runs
   */
  override dispatchEvent(event: Event): boolean {
    if (this.closed) return false;
    const payload = readEventPayload(event);
    if (!payload) return super.dispatchEvent(event);
    const fields = readFields(payload);
    const frame = this.#format(payload.data, fields);
    return super.dispatchEvent(event) && this.#delivery.accept(frame, fields.id);
  }

  /**
   * Sends everything that a source gives, waiting whenever the client does not keep up.
   *
   * An item is data, unless it is an event as in {@link dispatchEvent}, or `toMessage` makes a
   * message of it (or of nothing: `undefined` skips the item). When the client leaves, the
   * source's `return()` or `cancel()` is called once. When the source ends, the endpoint closes
   * and the client is told not to come back; with `end: "keep-open"`, it stays. When the source
   * fails, `onError` is told and the stream is broken off, so that the client can tell.
   *
   * @returns a promise for the end of the piping, which never rejects
   * @throws TypeError if `source` is nothing that can be read, or its reader is taken
   */
  pipe<T>(
    source: Source<T>,
    toMessage?: ((item: T) => Message | Event | null | undefined) | null,
    options?: PipeOptions,
  ): Promise<void> {
    try {
      return pipeSource(source, toMessage, options, {
        signal: this.signal,
        send: (payload) => this.#send(payload.data, readFields(payload)),
        ended: () => this.#delivery.end("source-ended", this.#formatGoodbye()),
        failed: (error, stage) => this.#fail(error, stage),
      });
    } catch (error) {
      if (!this.closed) throw error;
      return Promise.resolve();
    }
  }

  /**
   * Ends the stream after what was sent. By itself that makes an `EventSource` reconnect.
   * `close(true)` makes it stop: it sends a last event (type `options.closeEvent`) whose id is
   * answered with 204 in any process, and puts `lastEventId` into `options.closedClients`, so ids
   * must be unique for each client.
   *
   * @returns a promise for the moment when nothing is on its way any more; it never rejects
   * @throws TypeError if `reconnectionTime` is not a valid `retry`
   */
  close(options?: boolean | CloseOptions | null): Promise<void> {
    if (!this.closed) {
      const {
        noReconnect,
        reconnectionTime,
        reason = "",
      } = unpolluted(typeof options === "object" ? (options ?? {}) : { noReconnect: options });
      const retry = readRetry("reconnectionTime", reconnectionTime);
      this.#reason = reason;
      const lastFrame = noReconnect ? this.#formatGoodbye(retry) : formatRetry(retry);
      this.#delivery.end(noReconnect ? "no-reconnect" : "closed", lastFrame);
      // In a channel, others have the same id.
      if (noReconnect && !this.#delivery.feeders) {
        markClosedClient(this.#options, this.lastEventId);
      }
    }
    return (this.#finished ??= this.#delivery.isOver
      ? Promise.resolve()
      : new Promise((resolve) => (this.#settle = resolve)));
  }

  /** Closes the endpoint: `await using events = …`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #send(data: unknown, fields: FrameFields): Promise<boolean> {
    this.#delivery.accept(this.#format(data, fields), fields.id);
    return this.#delivery.whenDrained();
  }

  #format(data: unknown, fields: FrameFields): string {
    return formatMessage(serializeData(data, this.#options.serialize), fields);
  }

  /**
   * The last frame for a client that is not to come back. It is a named event with data, because
   * Firefox and others ignore the id of a frame that raises no event.
   */
  #formatGoodbye(retry?: number): string {
    return formatMessage("", { event: this.#options.closeEvent, id: createClosingId(), retry });
  }

  #fail(error: unknown, stage: ErrorStage): void {
    // That the user's code gave up because the stream is over is no fault of it.
    const isFault = !this.closed || error !== this.signal.reason;
    this.#delivery.end("source-failed");
    if (isFault) void reportError(this.#options.onError, error, stage);
  }
}

/**
 * A signal may live as long as the server. It must not keep a stream that nobody else holds: the
 * response of a handler that failed is never read, and so never ends. (A function of its own, because
 * a closure keeps everything that its neighbours use.)
 */
function endOnAbort(delivery: Delivery, signal: AbortSignal): () => void {
  const weakly = new WeakRef(delivery);
  return followAbort(signal, () => weakly.deref()?.end("aborted"));
}
