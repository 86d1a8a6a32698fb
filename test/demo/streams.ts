import { createParser, type EventSourceMessage } from "eventsource-parser";
import { within } from "../support/inbox.ts";
import type { DemoProcess } from "./demo-process.ts";

/** The events of a stream as they come. Ends with it, and throws if it breaks off. */
export type EventStream = AsyncGenerator<EventSourceMessage, void>;

/** Follows a stream of the demo without ever reconnecting. */
export async function* follow(
  demo: DemoProcess,
  path: string,
  lastEventId?: string,
  onRetry?: (retry: number) => void,
): EventStream {
  const leaving = new AbortController();
  try {
    const response = await fetch(new URL(path, demo.address), {
      headers: lastEventId === undefined ? {} : { "Last-Event-ID": lastEventId },
      signal: leaving.signal,
    });
    const body = response.body as unknown as AsyncIterable<Uint8Array> | null;
    if (body) yield* parse(body, onRetry);
  } finally {
    leaving.abort();
  }
}

/** Parses what a program prints, or a response holds. */
export async function* parse(
  bytes: AsyncIterable<Uint8Array>,
  onRetry?: (retry: number) => void,
): EventStream {
  const decoder = new TextDecoder();
  const events: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => events.push(event), onRetry });
  for await (const chunk of bytes) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    yield* events.splice(0);
  }
}

/** The next events of a stream, which goes on. */
export async function take(stream: EventStream, count: number): Promise<EventSourceMessage[]> {
  const events: EventSourceMessage[] = [];
  while (events.length < count) {
    const { value, done } = await within(stream.next(), "next event");
    if (done) throw new Error(`The stream ended after ${events.length} of ${count} events`);
    events.push(value);
  }
  return events;
}
