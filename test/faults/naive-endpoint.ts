import type { IncomingMessage, ServerResponse } from "node:http";
import {
  type EventEndpointOptions,
  type EventHandler,
  MemoryClosedClients,
} from "../../src/index.ts";
import type { Victim } from "./hooks.ts";

/** The endpoint that everybody writes first: it does all that ours does as long as nothing fails. */
class NaiveEndpoint {
  readonly #res: ServerResponse;
  readonly #id: string;
  readonly #options: EventEndpointOptions;
  readonly #left = new AbortController();
  readonly #listeners: { type: string; call: (event: Event) => void }[] = [];
  #closed = false;

  constructor(req: IncomingMessage, res: ServerResponse, options: EventEndpointOptions) {
    this.#id = String(req.headers["last-event-id"] ?? "");
    this.#res = res;
    this.#options = options;
    const isClosed = options.closedClients?.has(this.#id);
    res.writeHead(isClosed ? 204 : 200, { "Content-Type": "text/event-stream" }).write(":\n");
    res.on("close", () => this.#finish());
    options.signal?.addEventListener("abort", () => void this.close());
  }

  #finish(): void {
    if (this.#closed) return;
    this.#left.abort();
    this.#tell(new Event("close"));
    this.#closed = true;
  }

  #tell(event: Event): void {
    for (const { type, call } of this.#listeners) if (type === event.type) call(event);
  }

  addEventListener(type: string, call: (event: Event) => void): void {
    this.#listeners.push({ type, call });
  }

  get signal(): AbortSignal {
    return this.#left.signal;
  }

  async send(data: unknown): Promise<boolean> {
    const { serialize = JSON.stringify } = this.#options;
    return this.#res.write(`data: ${typeof data === "string" ? data : serialize(data)}\n\n`);
  }

  dispatchEvent(event: Event): boolean {
    this.#tell(event);
    void this.send((event as MessageEvent).data);
    return true;
  }

  async pipe(source: unknown, toMessage = (item: unknown) => ({ data: item })): Promise<void> {
    try {
      if (source instanceof EventTarget) {
        const give = (event: Event) => void this.send((event as MessageEvent).data);
        this.signal.addEventListener("abort", () => source.removeEventListener("message", give));
        return source.addEventListener("message", give);
      }
      const stream = source instanceof ReadableStream ? source.getReader() : undefined;
      const reader = stream
        ? { next: () => stream.read(), return: () => stream.cancel() }
        : (source as AsyncIterable<unknown>)[Symbol.asyncIterator]?.();
      this.signal.addEventListener("abort", () => void reader?.return?.());
      for await (const item of reader ? { [Symbol.asyncIterator]: () => reader } : (source as [])) {
        await this.send(toMessage(item).data);
      }
      await this.close();
    } catch (error) {
      this.#options.onError?.(error, { stage: "source" });
      await this.close();
      throw error;
    }
  }

  async close(noReconnect = false): Promise<void> {
    if (noReconnect) await this.#options.closedClients?.add(this.#id);
    this.#res.end();
    this.#finish();
  }
}

export function naiveHandler(
  handler: (events: Victim) => unknown,
  options: EventEndpointOptions = {},
): EventHandler {
  const closedClients = new MemoryClosedClients();
  return ((req: IncomingMessage, res: ServerResponse) => {
    const events = new NaiveEndpoint(req, res, { closedClients, ...options });
    void (async () => {
      const source = await handler(events as never);
      if (source) await events.pipe(source);
    })();
  }) as never;
}
