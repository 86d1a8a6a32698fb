/** An event as a client got it. */
export interface Received {
  readonly type: string;
  readonly data: string;
  /** The client's last id, once it has this event. */
  readonly lastEventId: string;
}

/** What is wrong with what a client got. */
export interface Faults {
  lost: number;
  doubled: number;
  reordered: number;
  /** Of another channel, of another topic, or never sent at all. */
  foreign: number;
}

/** The place of an id in its channel: `<epoch>-<sequence>`. */
export function sequenceOf(id: string): number {
  return Number(/-(\d+)$/.exec(id)?.[1]);
}

/** The channel that a path names. */
export function nameIn(path: string): string {
  return path.split("/")[1]!;
}

/** The data of a channel's events: `<channel>:<place>`, and then whatever makes it long. */
export function dataOf(channel: string, place: number, filling = ""): string {
  return `${channel}:${place}:${filling}`;
}

/**
 * Judges what one client got, over all of its connections: every event after the id that it began
 * with, once and in order. What a `resync` jumps over was announced, and is counted apart.
 */
export class Journal {
  readonly faults: Faults = { lost: 0, doubled: 0, reordered: 0, foreign: 0 };
  readonly readies: string[] = [];
  readonly resyncs: string[] = [];
  /** The places of the events that came, as they came. */
  readonly places: number[] = [];
  readonly #channel: string;
  readonly #isForMe: (place: number) => boolean;
  readonly #seen = new Set<number>();
  #position: number | undefined;

  /** @param isForMe which of the channel's events the client follows */
  constructor(channel: string, cursor = "", isForMe: (place: number) => boolean = () => true) {
    this.#channel = channel;
    this.#isForMe = isForMe;
    if (cursor) this.#position = sequenceOf(cursor);
  }

  /** Up to where it has everything; `undefined` as long as it does not know where it is. */
  get position(): number | undefined {
    return this.#position;
  }

  get isFaultless(): boolean {
    return Object.values(this.faults).every((count) => count === 0);
  }

  take({ type, data, lastEventId }: Received): void {
    const sequence = sequenceOf(lastEventId);
    if (type === "ready") {
      this.readies.push(lastEventId);
      this.#move(sequence);
    } else if (type === "resync") {
      this.resyncs.push(data);
      this.#position = sequence;
    } else {
      const [channel, place] = data.split(":");
      // The log counts as the sender does, or ids would tell nothing.
      const isOurs = channel === this.#channel && Number(place) === sequence;
      if (!isOurs || !this.#isForMe(sequence)) this.faults.foreign++;
      else this.#takePlace(sequence);
    }
  }

  /** Counts as lost what should have come by now. */
  finish(last: number): void {
    this.#move(last);
  }

  #takePlace(place: number): void {
    this.places.push(place);
    if (this.#seen.has(place)) this.faults.doubled++;
    else if (this.#position !== undefined && place <= this.#position) this.faults.reordered++;
    else {
      this.#move(place - 1);
      this.#position = place;
    }
    this.#seen.add(place);
  }

  /** Everything up to this place is behind it now, whether it came or not. */
  #move(to: number): void {
    // Where nobody knows where it began, everything may be new.
    for (let place = (this.#position ?? to) + 1; place <= to; place++) {
      if (this.#isForMe(place)) this.faults.lost++;
    }
    this.#position = Math.max(this.#position ?? to, to);
  }
}

/** What the sum of faults should be. */
export const FAULTLESS = { lost: 0, doubled: 0, reordered: 0, foreign: 0, resyncs: 0 };

/** What is wrong with what all of them got, and how often something was announced to be missing. */
export function sumFaults(journals: readonly Journal[]): Faults & { resyncs: number } {
  const sum = { lost: 0, doubled: 0, reordered: 0, foreign: 0, resyncs: 0 };
  for (const { faults, resyncs } of journals) {
    for (const name of Object.keys(faults) as (keyof Faults)[]) sum[name] += faults[name];
    sum.resyncs += resyncs.length;
  }
  return sum;
}
