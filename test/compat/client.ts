import { createParser } from "eventsource-parser";
import { EventSource } from "undici";
import { onTestFinished } from "vitest";
import { Inbox, within } from "../support/inbox.ts";

/** An event as a client's listener gets it. */
export interface Heard {
  type: string;
  data: string;
  lastEventId: string;
}

/** Subscribes until the test is over, and keeps the events of these types. */
export function subscribe(url: string, ...types: string[]) {
  const source = new EventSource(url);
  onTestFinished(() => source.close());
  const heard = new Inbox<Heard>(`event of type ${types.join(" or ")}`);
  for (const type of types) {
    source.addEventListener(type, (event) => {
      const { data, lastEventId } = event as unknown as Heard;
      heard.put({ type, data, lastEventId });
    });
  }
  return { source, heard };
}

/** Reads a stream to its end: events as they are on the wire, and comments that say something. */
export async function readAll(response: Response): Promise<unknown[]> {
  const frames: unknown[] = [];
  const parser = createParser({
    onEvent: (event) => frames.push(event),
    onComment: (comment) => comment !== "" && frames.push({ comment }),
  });
  parser.feed(await within(response.text(), "end of the stream"));
  return frames;
}
