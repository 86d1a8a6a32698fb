import type { ErrorStage } from "./errors.ts";
import type { CloseEvent } from "./events.ts";

/** What `new Headers()` takes. Named so here, because not every set of types has the global name. */
export type HeadersLike = ConstructorParameters<typeof Headers>[0];

/** The events of an endpoint whose types nobody declared: any name, any data. */
export type DefaultEvents = Record<string, unknown>;

/** The fields of an event besides its data. `null` and `undefined` mean absent. */
export interface EventFields {
  /**
   * What the client returns as `Last-Event-ID` when it reconnects; `""` makes it forget its id.
   * One line, at most 1 KiB of UTF-8, no control characters, no white space at the edges. Node's
   * own `EventSource` clients cannot return ids with characters outside ASCII.
   */
  id?: string | number | null | undefined;
  /** The event's type for the client's listeners; absent or `""` means `message`. One line. */
  event?: string | null | undefined;
  /** Milliseconds that the client waits before it reconnects: an integer from 0 to 2^31-1. */
  retry?: number | null | undefined;
}

/** What ended a stream; see `CloseEvent.code`. */
export type CloseCode =
  /** The client went away: FIN, RST, HTTP/2 reset, cancelled body, aborted request. */
  | "client-left"
  /** `close()` was called, or the request was HEAD. */
  | "closed"
  /** `close(true)` was called: later reconnects are answered with 204. */
  | "no-reconnect"
  /** The client had been closed for good before, and was answered with 204. */
  | "refused"
  /** The client did not read: `maxBufferedAmount` or `stallTimeout`. */
  | "slow-client"
  /** `maxDuration` was over. */
  | "max-duration"
  /** `options.signal` was aborted. */
  | "aborted"
  /** The source given to `pipe()`, or returned by a handler, ended. */
  | "source-ended"
  /** The source given to `pipe()`, or a handler, failed. */
  | "source-failed"
  /** The channel had no place left. */
  | "channel-full";

/** The event that an endpoint fires itself. */
export interface EndpointEventMap {
  /** Once, whatever ended the stream. */
  close: CloseEvent;
}

/** An `EventTarget` that knows the types of its own events. Nothing but types: it costs no code. */
export interface EndpointEventTarget extends EventTarget {
  addEventListener<Type extends keyof EndpointEventMap>(
    type: Type,
    listener: ((this: this, event: EndpointEventMap[Type]) => unknown) | null,
    options?: Parameters<EventTarget["addEventListener"]>[2],
  ): void;
  addEventListener(...args: Parameters<EventTarget["addEventListener"]>): void;
}

/** Remembers which clients were told not to come back. */
export interface ClosedClients {
  /** Was this client closed for good? Called once for each request that brings an id. */
  has(id: string): boolean;
  /** Closes this client for good. If it takes time, a rejection is told to `onError`. */
  add(id: string): void | Promise<void>;
}

/** Options of `EventEndpoint` and `eventHandler`. An explicit `undefined` means the default. */
export interface EventEndpointOptions {
  /**
   * Milliseconds that the client waits before it reconnects, sent once when the stream opens.
   * `[min, max]` picks one per client, so that a restart of the server is no stampede.
   * Unset by default: the client decides, most take 3 s.
   */
  reconnectionTime?: number | readonly [min: number, max: number] | undefined;
  /**
   * Milliseconds without output after which `:\n` is sent, so that no proxy takes the stream for
   * dead. Defaults to `true`, which means 15 000 (8 000 on Bun, which drops a silent connection
   * after 10 s); `false` turns it off.
   */
  keepAlive?: number | boolean | undefined;
  /**
   * Response headers to add to, or to replace, what is there. All but `Content-Type` and those
   * that frame the connection, which the stream sets.
   */
  headers?: HeadersLike;
  /** Turns data that is not a string into text. Defaults to `JSON.stringify`. */
  serialize?: ((data: unknown) => string) | undefined;
  /**
   * Bytes of `bufferedAmount` above which `send()` waits. Defaults to 64 KiB, and is never more than
   * `maxBufferedAmount`.
   */
  highWaterMark?: number | undefined;
  /**
   * Bytes held for one client before it is closed with code `slow-client`; it reconnects and
   * resumes by its id. Looked at when something is sent while more than this is waiting after all
   * of it was offered to the system, so neither one big event nor a burst in one turn makes a
   * healthy client slow; never more than this plus one frame is held. Defaults to 1 MiB;
   * `Infinity` removes the limit.
   */
  maxBufferedAmount?: number | undefined;
  /**
   * Milliseconds without progress, while bytes are waiting, after which the client is closed with
   * code `slow-client`. Any byte that the system took is progress. Defaults to 10 000; `Infinity`
   * turns it off.
   */
  stallTimeout?: number | undefined;
  /**
   * Milliseconds after which the stream ends cleanly between two frames, give or take 20 % so that
   * clients spread; the client reconnects and resumes. Unset by default.
   */
  maxDuration?: number | undefined;
  /** Closes the endpoint, with code `aborted`, when it is aborted. */
  signal?: AbortSignal | undefined;
  /** Where clients closed with `close(true)` are remembered. Defaults to one shared in memory. */
  closedClients?: ClosedClients | undefined;
  /**
   * Part of the key in `closedClients`, for example the user's id: then nobody can refuse somebody
   * else by guessing an id. Defaults to `""`.
   */
  closedClientsScope?: string | undefined;
  /** Type of the last event that `close(true)` sends. Defaults to `"close"`. */
  closeEvent?: string | undefined;
  /**
   * Query parameters that may stand for a missing `Last-Event-ID`, because polyfills use them:
   * `lastEventId`, `last_event_id`, `Last-Event-ID` and `evs_last_event_id`. `false` ignores them.
   */
  lastEventIdParams?: boolean | undefined;
  /**
   * Is told of faults in your own callbacks and sources. Nothing is ever logged, and no error text
   * goes to a client.
   */
  onError?: ((error: unknown, context: { stage: ErrorStage }) => void) | undefined;
}

/** How to close; see `close()`. */
export interface CloseOptions {
  /** Answer later reconnects of this client with 204, which ends them. */
  noReconnect?: boolean | undefined;
  /** Milliseconds that the client waits before it reconnects. */
  reconnectionTime?: number | undefined;
  /** Text for `CloseEvent.reason`; it is not sent. */
  reason?: string | undefined;
}

/** A message as `toMessage` may return it, and as `CustomEvent.detail` may hold it. */
export interface Message extends EventFields {
  /** A string is sent as it is, anything else is serialised. */
  data: unknown;
}

/** What `pipe()` reads from. */
export type Source<T = unknown> = AsyncIterable<T> | Iterable<T> | ReadableStream<T> | EventTarget;

/** How `pipe()` reads. */
export interface PipeOptions {
  /** Which events of an `EventTarget` are sent. Defaults to `["message"]`. */
  types?: readonly string[] | undefined;
  /** What happens when the source ends. Defaults to `"close"`, which tells the client not to return. */
  end?: "close" | "keep-open" | undefined;
}
