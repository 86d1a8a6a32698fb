import { EventEndpointError, type ErrorStage, reportError } from "../core/errors.ts";
import { isObjectWith, readEventPayload } from "../core/events.ts";
import {
  formatRetry,
  type FrameFields,
  invalid,
  readFields,
  readLine,
  serializeData,
} from "../core/frame.ts";
import { pickTime, readTimes } from "../core/options.ts";
import { deliveryOf, type EventStream } from "../core/stream.ts";
import type { DefaultEvents } from "../core/types.ts";
import { unpolluted } from "../core/unpolluted.ts";
import { Broadcast } from "./broadcast.ts";
import { CatchUp } from "./catch-up.ts";
import type { EventLog, EventMessage, LogEntry } from "./event-log.ts";
import { Followers } from "./followers.ts";
import { type EventFilter, Member, type MemberHome } from "./member.ts";
import { MemoryEventLog } from "./memory-event-log.ts";
import type {
  ChannelCloseOptions,
  ChannelFields,
  EventChannelOptions,
  MemberOptions,
} from "./types.ts";

/** Milliseconds after which a client for whom there is no place comes back. */
const FULL_RETRY_MS = [5_000, 30_000] as const;

/** Ends a stream of a closed channel; the client comes back at that share of the spread. */
type StreamEnd = (stream: EventStream, share: number) => Promise<void>;

/** What is to be sent, checked. */
interface Draft {
  readonly message: EventMessage;
  readonly fields: FrameFields;
}

/**
 * Sends each event to many endpoints, formatted once, and gives clients that reconnect what they
 * missed: every event after the one they got last, once and in order.
 *
 * @example
 * ```ts
 * const channel = new EventChannel();
 *
 * http.createServer((req, res) => {
 *   channel.add(new EventEndpoint(req, res));
 * });
 *
 * await channel.send({ text: "Hello, everybody" });
 * ```
 *
 * @typeParam Events the data of each event type, checked by `sendEvent()`
 */
export class EventChannel<Events = DefaultEvents> extends EventTarget {
  readonly #log: EventLog | undefined;
  readonly #broadcast: Broadcast;
  readonly #catchUp: CatchUp | undefined;
  /** Without a log, what is sent goes straight to the broadcast; one at a time, as from a log. */
  readonly #followers = new Followers<LogEntry>();
  readonly #members = new Map<EventStream, Member>();
  readonly #serialize: (data: unknown) => unknown;
  readonly #maxEndpoints: number;
  readonly #report: (error: unknown, stage: ErrorStage) => void;
  /** Set once the channel is closed. */
  #end: StreamEnd | undefined;
  #closed: Promise<void> | undefined;

  /** @throws TypeError if an option is wrong */
  constructor(options: EventChannelOptions = {}) {
    super();
    const {
      log = new MemoryEventLog(),
      maxReplay = 10_000,
      maxEndpoints = Infinity,
      serialize = JSON.stringify,
      onError,
    } = unpolluted(options);
    for (const [name, value] of Object.entries({ maxReplay, maxEndpoints })) {
      const isAmount = typeof value === "number" && value >= 0;
      if (!isAmount) throw invalid(name, "must be a number that is not negative", value);
    }
    if (typeof serialize !== "function")
      throw invalid("serialize", "must be a function", serialize);
    const isLog = ["append", "after", "follow"].every((method) => isObjectWith(log, method));
    if (!isLog && log !== false) throw invalid("log", "must be an EventLog or false", log);
    this.#serialize = serialize;
    this.#maxEndpoints = maxEndpoints;
    this.#report = (error, stage) => void reportError(onError, error, stage);
    const broadcast = new Broadcast(this.#report);
    this.#broadcast = broadcast;
    this.#followers.add({ entry: (entry) => broadcast.publish(entry), gap: () => {} });
    if (!log) return;
    this.#log = log;
    this.#catchUp = new CatchUp(log, broadcast, maxReplay, this.#report);
  }

  /** How many endpoints are members. */
  get size(): number {
    return this.#members.size;
  }

  /** Is this endpoint a member? One that has closed is none any more. */
  has(events: EventStream): boolean {
    return this.#members.has(events);
  }

  /** The members. Joining and leaving meanwhile is safe. */
  [Symbol.iterator](): IterableIterator<EventStream> {
    return this.#members.keys();
  }

  /**
   * Makes the endpoint a member until it closes. It first gets what its client missed: every event
   * after the id that the client brought, as fast as the client takes them. A client without an id
   * gets one event `ready` with the current id; one whose id is unknown or too far behind gets one
   * event `resync`, with its id as `data.lastEventId`. Then events come as they are sent.
   *
   * Adding a member again replaces its topics and its filter; left out, they are gone.
   *
   * @returns `true` once events come as they are sent; `false` if the endpoint is or becomes closed
   *   before that, among other reasons because the channel is closed or full: then the client is
   *   told to try again later
   * @throws TypeError (at once) if an argument is wrong, or the endpoint has a log already
   */
  add<Endpoint extends EventStream<never>>(
    events: Endpoint,
    options: MemberOptions<Endpoint> = {},
  ): Promise<boolean> {
    const delivery = deliveryOf(events);
    const { topics, filter } = unpolluted(options);
    const followed = readTopics(topics);
    if (filter !== undefined && typeof filter !== "function") {
      throw invalid("filter", "must be a function", filter);
    }
    let member = this.#members.get(events);
    if (member) {
      this.#broadcast.change(member, followed, filter as EventFilter | undefined);
      return member.joined;
    }
    const hasLog = this.#catchUp !== undefined;
    // Also if there is no place for it: the id that its client has is not its own.
    delivery.feeders ??= [];
    if (hasLog && delivery.feeders.some((feeder) => feeder.hasLog)) {
      throw new TypeError(
        'Cannot add "events": it is in a channel with a log already, and its client has one last ' +
          "id only; use one channel with topics, or delete it from the other first",
      );
    }
    if (this.#end) void this.#end(events, Math.random());
    else if (this.size >= this.#maxEndpoints) {
      // Not 503, after which an EventSource never comes back.
      delivery.end("channel-full", formatRetry(pickTime(FULL_RETRY_MS, Math.random())));
    }
    if (events.closed) return Promise.resolve(false);
    member = new Member(events, hasLog, this.#catchUp?.firstLimit ?? 0, this.#home);
    this.#members.set(events, member);
    this.#broadcast.change(member, followed, filter as EventFilter | undefined);
    if (this.#catchUp) this.#catchUp.start(member);
    else this.#broadcast.goLive(member);
    return member.joined;
  }

  /** Ends the endpoint's membership; it stays open. `false` if it was no member. */
  delete(events: EventStream): boolean {
    const member = this.#members.get(events);
    if (member) this.#home.drop(member);
    return member !== undefined;
  }

  /**
   * Sends a message to all members that follow its topic.
   *
   * @param data a string is sent as it is, anything else through `options.serialize`
   * @returns a promise for the event's id (`""` if it has none), once the log has it. It does not
   *   wait for clients. It rejects with an `EventEndpointError`: code `channel-closed`, or whatever
   *   the log says
   * @throws TypeError (at once) if the data cannot be serialised, a field cannot be sent as it is,
   *   or there is an `id` although the channel has a log
   */
  send(data: unknown, fields?: string | ChannelFields | null): Promise<string> {
    return this.#append(this.#read(data, readFields(fields), fields));
  }

  /**
   * Sends an event of a type of its own, which clients get by `addEventListener(event, …)`.
   * Everything else is as in {@link send}.
   */
  sendEvent<Type extends keyof Events & string>(
    event: Type,
    data: Events[Type],
    fields?: string | Omit<ChannelFields, "event"> | null,
  ): Promise<string> {
    const read = { ...readFields(fields), event: readLine("event", event) };
    return this.#append(this.#read(data, read, fields));
  }

  /**
   * Runs the channel's listeners and then sends the event, if it is one to be sent; see
   * `EventEndpoint.dispatchEvent()`. A log that fails is told to `onError`.
   *
   * @returns `false` if the channel is closed or a listener called `preventDefault()`
   * @throws TypeError as {@link send}, before any listener runs
   */
  override dispatchEvent(event: Event): boolean {
    if (this.#end) return false;
    const payload = readEventPayload(event);
    if (!payload) return super.dispatchEvent(event);
    const draft = this.#read(payload.data, readFields(payload), (event as CustomEvent).detail);
    // A listener may have closed the channel.
    if (!super.dispatchEvent(event) || this.#closed) return false;
    this.#append(draft).catch((error: unknown) => this.#report(error, "log"));
    return true;
  }

  /**
   * Ends every stream, each with another `retry`, so that `server.close()` finishes and the clients
   * do not all come back at once. From then on `send()` rejects, and whoever is added is ended.
   *
   * @returns a promise for the moment when nothing is on its way to any member any more
   * @throws TypeError if `spread` is no range of times
   */
  close(options: ChannelCloseOptions = {}): Promise<void> {
    if (this.#closed) return this.#closed;
    const { noReconnect = false, spread = [1_000, 10_000] } = unpolluted(options);
    const times = readTimes("spread", spread);
    let settle!: () => void;
    this.#closed = new Promise((resolve) => (settle = resolve));
    const end = (this.#end = createEnd(noReconnect, times));
    this.#catchUp?.stop();
    const streams = [...this];
    // Each gets a time from its own part of the spread.
    const ends = streams.map((each, i) => end(each, (i + Math.random()) / streams.length));
    void Promise.all(ends).then(settle);
    return this.#closed;
  }

  /** Closes the channel: `await using channel = …`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #read(data: unknown, fields: FrameFields, given: unknown): Draft {
    // What is no object has none of these.
    const { topic, transient } = unpolluted(Object(given) as ChannelFields);
    if (this.#log && fields.id !== undefined) {
      throw invalid("id", "must be absent, because the channel's log gives the ids", fields.id);
    }
    const { event, retry } = fields;
    const text = serializeData(data, this.#serialize);
    const message = {
      data: text,
      event,
      retry,
      topic: readLine("topic", topic),
      transient: !!transient,
    };
    return { message, fields };
  }

  async #append({ message, fields }: Draft): Promise<string> {
    if (this.#end) {
      throw new EventEndpointError("channel-closed", "Cannot send: the channel is closed");
    }
    if (this.#log) return (await this.#log.append(message)).id;
    const entry: LogEntry = Object.freeze({ ...message, id: fields.id ?? "" });
    this.#broadcast.prepare(entry, fields);
    this.#followers.tell(entry);
    return entry.id;
  }

  /** One for all members. */
  readonly #home: MemberHome = {
    flush: (member) => this.#broadcast.flushFor(member),
    drop: (member) => {
      this.#members.delete(member.stream);
      this.#catchUp?.forget(member);
      this.#broadcast.leave(member);
    },
  };
}

/**
 * A function of its own, because a closure keeps everything that its neighbours use: a closed
 * channel may be held long, and the streams that it had must not be.
 */
function createEnd(noReconnect: boolean, spread: readonly [min: number, max: number]): StreamEnd {
  return (stream, share) =>
    stream.close({ noReconnect, reconnectionTime: pickTime(spread, share) });
}

function readTopics(topics: unknown): ReadonlySet<string> | undefined {
  if (topics == null) return undefined;
  // One topic's name is iterable too, but nobody means its characters.
  if (!isObjectWith(topics, Symbol.iterator)) throw invalid("topics", "must be a list", topics);
  const followed = new Set<string>();
  for (const each of topics as Iterable<unknown>) {
    const topic = readLine("topics", each);
    // As a topic of nobody's it would hide events; as one of everybody's, it would show them.
    if (topic === undefined) throw invalid("topics", "must hold the name of each topic", each);
    followed.add(topic);
  }
  return followed;
}
