import type { Text } from "../../src/core/shared-text.ts";
import type { ResponseHead, Sink, SinkOwner } from "../../src/core/sink.ts";
import { EventStream } from "../../src/core/stream.ts";
import type { EventEndpointOptions } from "../../src/core/types.ts";

/** A sink that writes down what it is told, and takes bytes when a test says so. */
export class RecordingSink implements Sink {
  started = true;
  bufferedAmount = 0;
  progress = 0;
  /** Whether what is written is taken at once. */
  flows = true;
  head: ResponseHead | undefined;
  readonly writes: string[] = [];
  /** The same, as it was handed over: text that others get as well is one object for all. */
  readonly texts: Text[] = [];
  /** How often it was told to end. */
  ends = 0;
  readonly aborts: Error[] = [];
  owner!: SinkOwner;

  open(owner: SinkOwner, head: ResponseHead): void {
    this.owner = owner;
    this.head = head;
    if (head.preamble === "") owner.sinkClosed(true);
  }

  write(text: Text): void {
    this.texts.push(text);
    this.writes.push(text.toString());
    if (!this.flows) this.bufferedAmount += Buffer.byteLength(text.toString());
  }

  end(): void {
    this.ends++;
    if (this.bufferedAmount === 0) this.owner.sinkClosed(true);
  }

  abort(error: Error): void {
    this.aborts.push(error);
  }

  /** The system takes bytes, and the sink may hear of it only when all are taken. */
  take(bytes = this.bufferedAmount, isTold = true): void {
    this.bufferedAmount -= bytes;
    this.progress++;
    if (isTold) this.owner.sinkDrained();
    if (this.ends > 0 && this.bufferedAmount === 0) this.owner.sinkClosed(true);
  }
}

/** A stream over a recording sink. */
export class RecordedStream extends EventStream {
  constructor(sink: Sink, options?: EventEndpointOptions, lastEventId?: string, method = "GET") {
    super(sink, { method, url: "/", header: () => lastEventId }, options);
  }
}

/** Lets the current turn end, so that what was sent is written. */
export async function turn(): Promise<void> {
  await new Promise((resolve) => queueMicrotask(() => process.nextTick(resolve)));
  await Promise.resolve();
}
