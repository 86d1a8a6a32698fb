import http from "node:http";
import { EventStreamParser } from "../../src/testing/parser.ts";
import { within } from "../support/inbox.ts";

/** What a client got: an event of the channel by its data, or word of its own place. */
export interface Arrival {
  readonly type: string;
  readonly data: string;
  readonly id: string;
}

/** A client as a browser is one: it comes back whenever its stream ends, with the id that it has. */
export class Visitor {
  readonly arrivals: Arrival[] = [];
  /** How often it was answered with a stream. */
  visits = 0;
  /** The cursor that it has. */
  lastEventId = "";
  readonly #port: number;
  readonly #waiting = new Set<() => void>();
  #retryMs = 20;
  #request: http.ClientRequest | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isAway = true;

  constructor(port: number) {
    this.#port = port;
    this.come();
  }

  come(): void {
    this.#isAway = false;
    this.#connect();
  }

  /** Breaks the connection, and stays away. */
  leave(): void {
    this.#isAway = true;
    clearTimeout(this.#timer);
    this.#request?.destroy();
  }

  /** Waits until something arrives that fits. */
  async until(what: string, test: (arrival: Arrival) => boolean, ms = 8_000): Promise<void> {
    if (this.arrivals.some(test)) return;
    let wake!: () => void;
    const arrived = new Promise<void>((resolve) => {
      wake = () => {
        if (test(this.arrivals.at(-1)!)) resolve();
      };
    });
    this.#waiting.add(wake);
    try {
      await within(arrived, what, ms);
    } finally {
      this.#waiting.delete(wake);
    }
  }

  #connect(): void {
    const headers = this.lastEventId ? { "Last-Event-ID": this.lastEventId } : {};
    const request = http.get({ host: "127.0.0.1", port: this.#port, headers, agent: false });
    this.#request = request;
    const parser = new EventStreamParser(({ event, data, id, retry }) => {
      if (request !== this.#request) return;
      if (retry !== undefined) this.#retryMs = retry;
      if (id) this.lastEventId = id;
      this.arrivals.push({ type: event, data, id: this.lastEventId });
      for (const wake of this.#waiting) wake();
    });
    request.on("response", (response) => {
      this.visits++;
      response.setEncoding("utf8").on("data", (text: string) => parser.push(text));
      response.on("error", () => {});
    });
    request.on("error", () => {});
    request.on("close", () => {
      if (!this.#isAway) this.#timer = setTimeout(() => this.#connect(), this.#retryMs);
    });
  }
}
