import { once } from "node:events";
import { createParser } from "eventsource-parser";
import { createRequire } from "node:module";
import type { Transform } from "node:stream";

/** What a client makes of a stream. */
export interface ParsedEvent {
  type: string;
  data: string;
  lastEventId: string;
}

export interface Parsed {
  events: ParsedEvent[];
  /** The reconnection times that the client took over. */
  retries: number[];
}

/** An event stream parser that nobody here wrote. The bytes come in the given chunks. */
export type Parser = (chunks: Uint8Array[]) => Promise<Parsed>;

/** `eventsource-parser`, which npm's `eventsource` and most fetch clients use. */
async function parseWithEventsourceParser(chunks: Uint8Array[]): Promise<Parsed> {
  const parsed: Parsed = { events: [], retries: [] };
  // It tells the id of a frame; the client's is the last one that was told.
  let lastEventId = "";
  const parser = createParser({
    onEvent: ({ event, data, id }) => {
      lastEventId = id ?? lastEventId;
      parsed.events.push({ type: event ?? "message", data, lastEventId });
    },
    onRetry: (retry) => parsed.retries.push(retry),
  });
  const decoder = new TextDecoder();
  for (const chunk of chunks) parser.feed(decoder.decode(chunk, { stream: true }));
  return parsed;
}

interface UndiciEvent {
  type: string;
  options: { data: string; lastEventId: string };
}
interface Settings {
  lastEventId: string;
  reconnectionTime: number;
  origin: string;
}
type UndiciStream = new (options: { eventSourceSettings: Settings }) => Transform;

const { EventSourceStream } = createRequire(import.meta.url)(
  "undici/lib/web/eventsource/eventsource-stream.js",
) as { EventSourceStream: UndiciStream };

/** The parser inside undici's `EventSource`, which is Node's. */
async function parseWithUndici(chunks: Uint8Array[]): Promise<Parsed> {
  const parsed: Parsed = { events: [], retries: [] };
  const settings: Settings = { lastEventId: "", reconnectionTime: -1, origin: "" };
  const stream = new EventSourceStream({ eventSourceSettings: settings });
  stream.on("data", ({ type, options }: UndiciEvent) =>
    parsed.events.push({ type, data: options.data, lastEventId: options.lastEventId }),
  );
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await once(stream, "end");
  if (settings.reconnectionTime >= 0) parsed.retries.push(settings.reconnectionTime);
  return parsed;
}

export const parsers: Record<string, Parser> = {
  "eventsource-parser": parseWithEventsourceParser,
  undici: parseWithUndici,
};
