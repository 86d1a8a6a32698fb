import { EventEmitter, once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import type { Readable } from "node:stream";
import { EventSource as NpmEventSource } from "eventsource";
import { createParser } from "eventsource-parser";
import { EventSource as UndiciEventSource } from "undici";
import { within } from "../support/inbox.ts";
import { Journal, nameIn, type Received } from "./journal.ts";

/**
 * Milliseconds after which somebody is taken to hang: some clients wait for 3 s before they come
 * back, and machines are busy.
 */
export const PATIENCE_MS = 60_000;

/** A client that comes back with the id that it got last, until it is closed. */
export abstract class Reader {
  readonly journal: Journal;
  /** The id that it got last. */
  cursor: string;
  readonly #arrivals = new EventEmitter().setMaxListeners(0);

  constructor(journal: Journal, cursor: string) {
    this.journal = journal;
    this.cursor = cursor;
  }

  abstract close(): void;

  /** Waits until it has everything up to this place. */
  async until(place: number, what = "client", patienceMs = PATIENCE_MS): Promise<void> {
    const come = async () => {
      while (!((this.journal.position ?? -1) >= place)) await once(this.#arrivals, "arrival");
    };
    await within(come(), `event ${place} at the ${what}`, patienceMs);
  }

  protected take(received: Received): void {
    this.cursor = received.lastEventId;
    this.journal.take(received);
    this.#arrivals.emit("arrival");
  }
}

/** How to make one. */
export type CreateReader = (port: number, cursor?: string, path?: string) => Reader;

/** A client of ours, without a rest before it comes back. */
export abstract class BareReader extends Reader {
  #isClosed = false;

  /** Makes one request; `onEnd` is called at least once, when it is over. */
  protected abstract request(onText: (text: string) => void, onEnd: () => void): () => void;

  #leave = () => {};
  #isAsleep = false;
  readonly #readings = new Set<Readable>();

  connect(): void {
    const parser = createParser({
      onEvent: ({ event: type = "message", data, id = this.cursor }) =>
        this.take({ type, data, lastEventId: id }),
    });
    let isOver = false;
    const onEnd = () => {
      if (isOver) return;
      isOver = true;
      if (!this.#isClosed) setImmediate(() => !this.#isClosed && this.connect());
    };
    this.#leave = this.request((text) => isOver || parser.feed(text), onEnd);
  }

  /** Reads nothing until it is told to {@link wake}. */
  sleep(): void {
    this.#isAsleep = true;
    for (const reading of this.#readings) reading.pause();
  }

  wake(): void {
    this.#isAsleep = false;
    for (const reading of this.#readings) reading.resume();
  }

  protected read(reading: Readable, onText: (text: string) => void, onEnd: () => void): void {
    this.#readings.add(reading);
    reading.on("close", () => this.#readings.delete(reading));
    reading.setEncoding("utf8").on("data", onText).on("error", onEnd).on("close", onEnd);
    if (this.#isAsleep) reading.pause();
  }

  /** Goes away, and comes back. */
  drop(): void {
    this.#leave();
  }

  close(): void {
    this.#isClosed = true;
    this.#leave();
  }
}

class Http1Reader extends BareReader {
  readonly #port: number;
  readonly #path: string;

  constructor(port: number, cursor: string, path: string) {
    super(new Journal(nameIn(path), cursor), cursor);
    this.#port = port;
    this.#path = path;
    this.connect();
  }

  protected request(onText: (text: string) => void, onEnd: () => void): () => void {
    const headers = this.cursor ? { "last-event-id": this.cursor } : {};
    const options = {
      host: "127.0.0.1",
      port: this.#port,
      path: this.#path,
      headers,
      agent: false,
    };
    const request = http.get(options as http.RequestOptions, (response) =>
      this.read(response, onText, onEnd),
    );
    request.on("error", onEnd).on("close", onEnd);
    return () => request.destroy();
  }
}

class Http2Reader extends BareReader {
  readonly #port: number;
  readonly #path: string;

  constructor(port: number, cursor: string, path: string) {
    super(new Journal(nameIn(path), cursor), cursor);
    this.#port = port;
    this.#path = path;
    this.connect();
  }

  protected request(onText: (text: string) => void, onEnd: () => void): () => void {
    const session = http2.connect(`http://127.0.0.1:${this.#port}`);
    session.on("error", onEnd).on("close", onEnd);
    const headers = this.cursor ? { "last-event-id": this.cursor } : {};
    const stream = session.request({ ":path": this.#path, ...headers });
    // The stream may end, and its connection stay.
    stream.on("close", () => session.destroy());
    this.read(stream, onText, onEnd);
    return () => session.destroy();
  }
}

interface EventSourceLike {
  addEventListener(type: string, listener: (event: any) => void): void;
  close(): void;
}

class EventSourceReader extends Reader {
  readonly #source: EventSourceLike;

  constructor(source: EventSourceLike, cursor: string, path: string) {
    super(new Journal(nameIn(path), cursor), cursor);
    this.#source = source;
    for (const type of ["message", "ready", "resync"]) {
      source.addEventListener(type, (event: Received) => this.take(event));
    }
  }

  close(): void {
    this.#source.close();
  }
}

export function urlOf(port: number, cursor: string, path = "/a"): string {
  // What it gets replaces this.
  return `http://127.0.0.1:${port}${path}?lastEventId=${cursor}`;
}

export const createHttp1Reader = (port: number, cursor = "", path = "/a"): BareReader =>
  new Http1Reader(port, cursor, path);

export const createHttp2Reader = (port: number, cursor = "", path = "/a"): BareReader =>
  new Http2Reader(port, cursor, path);

export const createUndiciReader: CreateReader = (port, cursor = "", path = "/a") =>
  new EventSourceReader(new UndiciEventSource(urlOf(port, cursor, path)), cursor, path);

export const createNpmReader: CreateReader = (port, cursor = "", path = "/a") =>
  new EventSourceReader(new NpmEventSource(urlOf(port, cursor, path)), cursor, path);
