import { Inbox } from "../support/inbox.ts";
import type { Happening, Source } from "./story.ts";

/** The part of the interface that all have in common. */
interface EventSourceLike {
  readonly readyState: number;
  addEventListener(type: string, listener: (event: any) => void): void;
  close(): void;
}

/** Watches an `EventSource` in this process. */
export function watch(source: EventSourceLike, types: readonly string[]): Source {
  const inbox = new Inbox<Happening>("event on the client");
  for (const type of new Set(["open", "error", "message", ...types])) {
    source.addEventListener(type, (event: { data?: unknown; lastEventId?: unknown }) => {
      const { data, lastEventId } = event;
      inbox.put({
        type,
        readyState: source.readyState,
        ...(typeof data === "string" && { data, lastEventId: String(lastEventId) }),
      });
    });
  }
  return {
    next: () => inbox.take(),
    close: () => Promise.resolve(source.close()),
  };
}
