import type { Delivery, Feeder } from "../core/delivery.ts";
import { deliveryOf, type EventStream } from "../core/stream.ts";
import type { LogEntry } from "./event-log.ts";

/** Says whether a member is to get an entry; see `EventChannel.add()`. */
export type EventFilter<Endpoint = EventStream> = (entry: LogEntry, events: Endpoint) => boolean;

/** Where a member is one. */
export interface MemberHome {
  /** Gives a member what came in this turn. */
  flush(member: Member): void;
  /** Ends a membership. */
  drop(member: Member): void;
}

/** One stream's place in one channel. */
export class Member implements Feeder {
  readonly stream: EventStream;
  readonly delivery: Delivery;
  readonly hasLog: boolean;
  /** The topics that it follows; all if `undefined`. */
  topics: ReadonlySet<string> | undefined;
  filter: EventFilter | undefined;
  /** It catches up, then it gets entries as they come, then it has left. */
  state: "waiting" | "live" | "gone" = "waiting";
  /** While it catches up: the id of the last entry that it has got or that was not for it. */
  cursor: string;
  /** While it catches up: whether it is known not to be too far behind. */
  isCounted = false;
  /** While it catches up: how many entries to ask for. */
  limit: number;
  /** How many entries had come when it was last looked at for one. */
  seen = 0;

  readonly #home: MemberHome;
  #joined: Promise<boolean> | undefined;
  #settle: ((isLive: boolean) => void) | undefined;

  constructor(stream: EventStream, hasLog: boolean, limit: number, home: MemberHome) {
    this.stream = stream;
    this.delivery = deliveryOf(stream);
    this.hasLog = hasLog;
    this.cursor = stream.lastEventId;
    this.limit = limit;
    this.#home = home;
    // Mostly the only one: a list of that length takes less memory than a set.
    this.delivery.feeders = (this.delivery.feeders ?? []).concat(this);
  }

  /** `true` once it is live, `false` if it leaves before. */
  get joined(): Promise<boolean> {
    if (this.state !== "waiting") return Promise.resolve(this.state === "live");
    return (this.#joined ??= new Promise((resolve) => (this.#settle = resolve)));
  }

  /** From now on it gets entries as they come; `seen` have come before. */
  goLive(seen: number): void {
    this.state = "live";
    this.seen = seen;
    this.#settleJoined(true);
  }

  /** It gets nothing any more. */
  leave(): void {
    this.state = "gone";
    this.delivery.feeders = this.delivery.feeders?.filter((feeder) => feeder !== this);
    this.#settleJoined(false);
  }

  flush(): void {
    this.#home.flush(this);
  }

  streamEnded(): void {
    this.#home.drop(this);
  }

  /** Those who wait have the promise; it is not held for them as long as the stream lives. */
  #settleJoined(isLive: boolean): void {
    this.#settle?.(isLive);
    this.#settle = this.#joined = undefined;
  }

  /** Does it follow what this entry is about? An entry without a topic is for everybody. */
  follows(topic: string | null | undefined): boolean {
    return this.state !== "gone" && (!this.topics || topic == null || this.topics.has(topic));
  }
}
