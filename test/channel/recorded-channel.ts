import { afterEach, beforeEach, expect, vi } from "vitest";
import {
  type CloseEvent,
  EventChannel,
  type EventChannelOptions,
  type EventEndpointOptions,
  MemoryClosedClients,
  type MemberOptions,
} from "../../src/index.ts";
import { RecordedStream, RecordingSink } from "../support/recording-sink.ts";

/** A stream without a network, and what its client got. */
export class Client {
  readonly sink = new RecordingSink();
  readonly stream: RecordedStream;
  readonly closes: CloseEvent[] = [];

  constructor(lastEventId = "", options: EventEndpointOptions = {}, method = "GET") {
    const all = { keepAlive: false, closedClients: new MemoryClosedClients(), ...options };
    this.stream = new RecordedStream(this.sink, all, lastEventId, method);
    this.stream.addEventListener("close", (event) => this.closes.push(event));
  }

  /** What was written, whole. */
  get text(): string {
    return this.sink.writes.join("");
  }

  /** The data of all events, in order, besides those that the channel adds by itself. */
  get data(): string[] {
    const frames = this.text
      .split("\n\n")
      .filter((frame) => !/^event: (ready|resync)$/m.test(frame));
    return frames.flatMap((frame) => /^data: (.*)$/m.exec(frame)?.[1] ?? []);
  }

  /** The types of all events that are no messages. */
  get types(): string[] {
    return [...this.text.matchAll(/^event: (.*)$/gm)].map(([, type]) => type!);
  }

  /** The ids of all events. */
  get ids(): string[] {
    return [...this.text.matchAll(/^id: (.*)$/gm)].map(([, id]) => id!);
  }

  /** Goes away. */
  leave(): void {
    this.sink.owner.sinkClosed();
  }
}

/** Makes channels and clients for the tests of a file, and looks that they leave nothing behind. */
export class Stage {
  #channels: EventChannel[] = [];
  #clients: Client[] = [];
  /** What channels told `onError`: the stage and the error's text. */
  errors: string[] = [];

  constructor() {
    beforeEach(() => {
      // Promises and ticks stay real: only time is ours.
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
      this.errors = [];
    });
    afterEach(() => {
      for (const channel of this.#channels) void channel.close();
      // One timer serves all channels: nobody may still need it.
      for (const client of this.#clients) client.leave();
      this.#channels = [];
      this.#clients = [];
      expect(vi.getTimerCount()).toBe(0);
      vi.useRealTimers();
    });
  }

  /** Makes a channel, by default with a log in memory. */
  channel<Events = Record<string, unknown>>(options?: EventChannelOptions): EventChannel<Events> {
    const onError: EventChannelOptions["onError"] = (error, { stage }) =>
      void this.errors.push(`${stage}: ${error instanceof Error ? error.message : String(error)}`);
    const channel = new EventChannel<Events>({ onError, ...options });
    this.#channels.push(channel as EventChannel);
    return channel;
  }

  /** Opens a stream to a client that brings this id. */
  client(lastEventId?: string, options?: EventEndpointOptions, method?: string): Client {
    const client = new Client(lastEventId, options, method);
    this.#clients.push(client);
    return client;
  }

  /** Opens a stream and adds it to a channel, whose log answers at once. */
  join(
    channel: EventChannel<never>,
    options?: MemberOptions<RecordedStream>,
    lastEventId?: string,
    own?: EventEndpointOptions,
  ): Client {
    const client = this.client(lastEventId, own);
    void channel.add(client.stream, options);
    return client;
  }
}
