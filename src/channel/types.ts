import type { ErrorStage } from "../core/errors.ts";
import type { EventStream } from "../core/stream.ts";
import type { EventFields } from "../core/types.ts";
import type { EventLog } from "./event-log.ts";
import type { EventFilter } from "./member.ts";

/** Options of a channel. An explicit `undefined` means the default. */
export interface EventChannelOptions {
  /**
   * What keeps events for clients that reconnect. Defaults to a `MemoryEventLog`; `false` keeps
   * none: then events have the ids that they are given.
   */
  log?: EventLog | false | undefined;
  /** Entries that one client may be behind and still get them all. Defaults to 10 000. */
  maxReplay?: number | undefined;
  /** Members that the channel has places for. Unset by default: there is no limit. */
  maxEndpoints?: number | undefined;
  /** Turns data that is not a string into text. Defaults to `JSON.stringify`. */
  serialize?: ((data: unknown) => string) | undefined;
  /** Is told of filters that throw, and of a log that fails. */
  onError?: ((error: unknown, context: { stage: ErrorStage }) => void) | undefined;
}

/** What a member of a channel gets. */
export interface MemberOptions<Endpoint = EventStream> {
  /** Only events of these topics, and events without a topic. Defaults to all events. */
  topics?: readonly string[] | undefined;
  /**
   * Is asked for each event that the topics let pass, on replay as on live: only those for which it
   * answers `true` are sent. It must answer at once. When it throws, the event is not sent.
   */
  filter?: EventFilter<Endpoint> | undefined;
}

/** What is said of an event besides its data. `null` and `undefined` mean absent. */
export interface ChannelFields extends EventFields {
  /** Only for a channel without a log, which gives no ids itself. */
  id?: EventFields["id"];
  /** Who gets it: members that follow this topic, and those without topics. Defaults to everybody. */
  topic?: string | null | undefined;
  /** Only for those who are connected now: it has no id and is never replayed. */
  transient?: boolean | null | undefined;
}

/** How to close a channel. */
export interface ChannelCloseOptions {
  /** Tell the clients never to come back. */
  noReconnect?: boolean | undefined;
  /** Milliseconds over which reconnects are spread. Defaults to `[1000, 10_000]`. */
  spread?: readonly [min: number, max: number] | undefined;
}
