import { createParser } from "eventsource-parser";
import type { ResponseHead, Sink, SinkOwner } from "../../src/core/sink.ts";
import { EventStream } from "../../src/core/stream.ts";
import type { EventEndpointOptions } from "../../src/index.ts";
import { afterEachFile } from "../support/file-end.ts";
import type { Journal } from "./journal.ts";

/** A connection without a network: what is written waits until the client takes it. */
class PacedSink implements Sink {
  readonly started = true;
  progress = 0;
  owner!: SinkOwner;
  readonly #onText: (text: string) => void;
  readonly #flows: boolean;
  #waiting = "";
  #ended = false;

  constructor(onText: (text: string) => void, flows: boolean) {
    this.#onText = onText;
    this.#flows = flows;
  }

  get bufferedAmount(): number {
    return Buffer.byteLength(this.#waiting);
  }

  open(owner: SinkOwner, { preamble }: ResponseHead): void {
    this.owner = owner;
    this.#onText(preamble);
    if (preamble === "") owner.sinkClosed(true);
  }

  write(text: { toString(): string }): void {
    this.#waiting += text.toString();
    if (this.#flows) this.#give();
  }

  end(): void {
    this.#ended = true;
    if (!this.#waiting) this.owner.sinkClosed(true);
  }

  abort(): void {
    this.#waiting = "";
  }

  take(): void {
    this.#give();
    this.owner.sinkDrained();
    if (this.#ended) this.owner.sinkClosed(true);
  }

  #give(): void {
    const text = this.#waiting;
    this.#waiting = "";
    this.progress++;
    this.#onText(text);
  }
}

/** Those who are connected. */
const clients = new Set<PacedClient>();

afterEachFile(() => {
  for (const client of clients) client.leave();
  clients.clear();
});

class PacedStream extends EventStream {
  constructor(sink: Sink, lastEventId: string, options: EventEndpointOptions) {
    super(sink, { method: "GET", url: "/", header: () => lastEventId }, options);
  }
}

/** An `EventSource` without a network, that reads and reconnects when a test says so. */
export class PacedClient {
  readonly journal: Journal;
  /** The id that it would bring. */
  cursor: string;
  stream: EventStream | undefined;
  /** The reconnection times that it was told. */
  readonly retries: number[] = [];
  readonly #flows: boolean;
  readonly #options: EventEndpointOptions;
  #sink: PacedSink | undefined;

  /** @param flows whether it takes what is written at once */
  constructor(journal: Journal, cursor = "", flows = true, options: EventEndpointOptions = {}) {
    this.journal = journal;
    this.cursor = cursor;
    this.#flows = flows;
    this.#options = { keepAlive: false, stallTimeout: Infinity, ...options };
  }

  /** Bytes that wait for it. */
  get waiting(): number {
    return this.#sink?.bufferedAmount ?? 0;
  }

  /** Makes a request with its id. */
  connect(): EventStream {
    const parser = createParser({
      onEvent: ({ event: type = "message", data, id = this.cursor }) => {
        this.cursor = id;
        this.journal.take({ type, data, lastEventId: id });
      },
      onRetry: (retry) => this.retries.push(retry),
    });
    clients.add(this);
    this.#sink = new PacedSink((text) => parser.feed(text), this.#flows);
    this.stream = new PacedStream(this.#sink, this.cursor, this.#options);
    return this.stream;
  }

  /** Takes everything that waits. */
  take(): void {
    this.#sink?.take();
  }

  /** Goes away; what it did not take is lost. */
  leave(): void {
    clients.delete(this);
    this.#sink?.owner.sinkClosed();
    this.stream = this.#sink = undefined;
  }
}
