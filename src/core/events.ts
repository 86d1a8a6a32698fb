import { serializeData } from "./frame.ts";
import type { CloseCode, EventFields } from "./types.ts";
import { unpolluted } from "./unpolluted.ts";

/** What of an object is serialised, and as what; see `JSON.stringify`. */
export type Replacer =
  ((this: unknown, key: string, value: unknown) => unknown) | (string | number)[];

/** What {@link ServerSentEvent} takes besides its type. */
export interface ServerSentEventInit extends NonNullable<ConstructorParameters<typeof Event>[1]> {
  /** What the client gets as `data`: a string as it is, anything else serialised by the endpoint. */
  data?: unknown;
  /** Second argument of `JSON.stringify`, if the event is to serialise its data itself. */
  replacer?: Replacer | undefined;
  /** Third argument of `JSON.stringify`, likewise. */
  space?: string | number | undefined;
  /** What the client returns as `Last-Event-ID` after a reconnect. */
  id?: EventFields["id"];
  /** Milliseconds that the client waits before it reconnects. */
  retry?: EventFields["retry"];
}

/**
 * An event made to be sent: `endpoint.dispatchEvent(new ServerSentEvent("tick", { data }))` runs
 * the local listeners and then sends it, unless it is `cancelable` and one of them prevented it.
 */
export class ServerSentEvent extends Event {
  readonly #data: unknown;
  readonly #id: EventFields["id"];
  readonly #retry: EventFields["retry"];

  /**
   * @param type what the client's listeners are for; `"message"` is what `onmessage` hears
   * @throws TypeError if `replacer` or `space` are given and the data has no JSON form
   */
  constructor(type: string, init: ServerSentEventInit = {}) {
    const { data = "", id, retry, replacer, space } = unpolluted(init);
    super(type, init);
    // The declarations know either kind of replacer, but not both at once.
    const toJson = (value: unknown) => JSON.stringify(value, replacer as string[], space);
    this.#data = (replacer ?? space) === undefined ? data : serializeData(data, toJson);
    this.#id = id;
    this.#retry = retry;
  }

  /** The data as it was given. */
  get data(): unknown {
    return this.#data;
  }

  /** The id as it was given; `undefined` if none. */
  get id(): EventFields["id"] {
    return this.#id;
  }

  /** The reconnection time as it was given; `undefined` if none. */
  get retry(): EventFields["retry"] {
    return this.#retry;
  }
}

/** Fired once at an endpoint, whatever ended its stream. */
export class CloseEvent extends Event {
  /** What ended the stream. */
  declare readonly code: CloseCode;
  /** Text for people: the one given to `close()`, else `""`. */
  declare readonly reason: string;
  /** `false` when events that `send()` had accepted had to be thrown away. */
  declare readonly wasClean: boolean;

  constructor(type: "close", init: { code: CloseCode; reason: string; wasClean: boolean }) {
    super(type);
    Object.assign(this, init);
  }
}

/** A message as found in an event: nothing in it is checked yet. */
export interface EventPayload {
  data: unknown;
  event?: unknown;
  id?: unknown;
  retry?: unknown;
}

/**
 * Finds what of an event is to be sent; `undefined` if it is a local one.
 *
 * Events are recognised by their shape: a `MessageEvent` may come from another realm, a polyfill
 * or a framework's copy of the class.
 */
export function readEventPayload(event: Event): EventPayload | undefined {
  const given = unpolluted(event);
  const { type, detail } = given as Event & Record<string, unknown>;
  // MessageEvent, ServerSentEvent; else perhaps a CustomEvent
  const isMessage = "data" in given && ("lastEventId" in given || "id" in given);
  const message: unknown = isMessage ? event : detail;
  if (!isObjectWith(message, "data")) return undefined;
  const { data, event: name, id, retry } = unpolluted(message as EventPayload);
  return {
    data,
    event: name ?? (type === "message" ? undefined : type),
    // A MessageEvent has no way to say "no id", only "".
    id: "lastEventId" in given ? given.lastEventId || undefined : id,
    retry,
  };
}

/** Is it an object that has this property, own or not? */
export function isObjectWith(value: unknown, name: PropertyKey): boolean {
  return typeof value === "object" && value !== null && name in unpolluted(value);
}
