import { randomBytes } from "node:crypto";
import type { EventSourceMessage } from "eventsource-parser";
import { within } from "../support/inbox.ts";
import type { DemoProcess } from "./demo-process.ts";
import { type EventStream, follow, take } from "./streams.ts";

/** Somebody who follows the demo without a page, and publishes. */
export class Visitor {
  /** What the pages call it. */
  readonly number: number;
  readonly #address: URL;
  readonly #stream: EventStream;
  readonly #retries: readonly number[];

  private constructor(
    number: number,
    address: URL,
    stream: EventStream,
    retries: readonly number[],
  ) {
    this.number = number;
    this.#address = address;
    this.#stream = stream;
    this.#retries = retries;
  }

  static async arrive(demo: DemoProcess): Promise<Visitor> {
    const token = randomBytes(8).toString("hex");
    const retries: number[] = [];
    const onRetry = (retry: number) => retries.push(retry);
    const stream = follow(demo, `events/node?client=${token}`, undefined, onRetry);
    const [hello] = await take(stream, 1);
    const address = new URL(`clients/${token}/`, demo.address);
    return new Visitor(JSON.parse(hello!.data).client, address, stream, retries);
  }

  /** Asks for something, as a page's buttons do. */
  post(action: string, body: string, type = "application/json"): Promise<Response> {
    const headers = { "Content-Type": type };
    return fetch(this.urlOf(action), { method: "POST", headers, body });
  }

  urlOf(action: string): URL {
    return new URL(action, this.#address);
  }

  /** Publishes a message; resolves to its number, once it has come back. */
  async publish(text: string): Promise<number> {
    const response = await this.post("messages", JSON.stringify({ text }));
    const { id, error } = (await response.json()) as { id?: string; error?: string };
    if (id === undefined) throw new Error(error);
    const event = await this.#takeUntil((each) => each.id === id);
    return JSON.parse(event.data).number;
  }

  /** Waits for as many seconds, by the server's clock. */
  async takeSamples(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.#takeUntil(({ event }) => event === "sample");
  }

  /** The next event of this type. */
  takeNext(type: string): Promise<EventSourceMessage> {
    return this.#takeUntil(({ event }) => event === type);
  }

  /** Waits for the end; resolves to the last time to wait before a reconnect, and the last event. */
  async takeRest(): Promise<{ retry: number | undefined; last: EventSourceMessage | undefined }> {
    let last: EventSourceMessage | undefined;
    const end = async () => {
      for await (const event of this.#stream) last = event;
    };
    await within(end(), "end of the stream");
    return { retry: this.#retries.at(-1), last };
  }

  async leave(): Promise<void> {
    await this.#stream.return();
  }

  async #takeUntil(test: (event: EventSourceMessage) => boolean): Promise<EventSourceMessage> {
    for (;;) {
      const [event] = await take(this.#stream, 1);
      if (test(event!)) return event!;
    }
  }
}
