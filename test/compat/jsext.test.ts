import { randomUUID } from "node:crypto";
import { EventSource } from "undici";
import { describe, expect, it } from "vitest";
import { EventEndpoint, type EventEndpointOptions } from "../../src/index.ts";
import { bridge } from "../support/fetch-bridge.ts";
import { Inbox } from "../support/inbox.ts";
import { subscribe } from "./client.ts";
import { type Listener, serve } from "./server.ts";

/** What an example does with its endpoint, whichever constructor made it. */
type Example = (events: EventEndpoint) => unknown;

const forms: [form: string, toListener: typeof withRequest][] = [
  ["new EventEndpoint(req)", withRequest],
  ["new EventEndpoint(req, res)", withResponse],
];

function withRequest(example: Example, options?: EventEndpointOptions): Listener {
  return bridge((req) => {
    const events = new EventEndpoint(req, options);
    example(events);
    return events.response;
  });
}

function withResponse(example: Example, options?: EventEndpointOptions): Listener {
  return (req, res) => {
    example(new EventEndpoint(req, res, options));
  };
}

describe.each(forms)("the examples of @ayonli/jsext/sse with %s", (_form, toListener) => {
  it("sends a MessageEvent and hears when the client closes", async () => {
    const closed = new Inbox<EventEndpoint>("close event");
    const reasons: string[] = [];
    const url = await serve(
      toListener((events) => {
        events.addEventListener("close", (ev) => {
          reasons.push(`The connection is closed, reason: ${ev.reason}`);
          closed.put(events);
        });
        setTimeout(() => {
          events.dispatchEvent(
            new MessageEvent("my-event", { data: "Hello, World!", lastEventId: "1" }),
          );
        }, 5);
      }),
    );

    const { source, heard } = subscribe(url, "message", "my-event");
    const expected = { type: "my-event", data: "Hello, World!", lastEventId: "1" };
    expect(await heard.take()).toEqual(expected);
    source.close();
    const events = await closed.take();
    expect(events.closed).toBe(true);
    expect(events.lastEventId).toBe("1");
    expect(reasons).toEqual(["The connection is closed, reason: "]);
  });

  it("sends messages and events, with and without an id", async () => {
    const ids = new Inbox<string>("last id");
    const url = await serve(
      toListener(async (events) => {
        await events.send("Hello", "1");
        await events.sendEvent("my-event", "World", "2");
        await events.sendEvent("another-event", "This message has\ntwo lines.");
        ids.put(events.lastEventId);
      }),
    );

    const { heard } = subscribe(url, "message", "my-event", "another-event");
    expect(await heard.take()).toEqual({ type: "message", data: "Hello", lastEventId: "1" });
    expect(await heard.take()).toEqual({ type: "my-event", data: "World", lastEventId: "2" });
    expect(await heard.take()).toEqual({
      type: "another-event",
      data: "This message has\ntwo lines.",
      lastEventId: "2",
    });
    expect(await ids.take()).toBe("2");
  });

  it("goes on counting from lastEventId when the client comes back after close()", async () => {
    const url = await serve(
      toListener(
        (events) => {
          const count = Number(events.lastEventId) + 1;
          const lastEventId = String(count);
          events.dispatchEvent(new MessageEvent("ping", { data: lastEventId, lastEventId }));
          if (count < 3) void events.close();
        },
        { reconnectionTime: 5 },
      ),
    );

    const { heard } = subscribe(url, "ping");
    for (const count of ["1", "2", "3"]) {
      expect(await heard.take()).toEqual({ type: "ping", data: count, lastEventId: count });
    }
  });

  it("stops the client with close(true)", async () => {
    const id = randomUUID();
    const visits = new Inbox<{ lastEventId: string; closed: boolean }>("request");
    const url = await serve(
      toListener(
        (events) => {
          visits.put({ lastEventId: events.lastEventId, closed: events.closed });
          void events.send("Goodbye", id);
          void events.close(true);
        },
        { reconnectionTime: 5 },
      ),
    );

    const { source, heard } = subscribe(url, "message");
    const stopped = new Inbox<void>("end of the reconnects");
    source.onerror = () => source.readyState === EventSource.CLOSED && stopped.put();
    expect(await heard.take()).toMatchObject({ data: "Goodbye", lastEventId: id });
    await stopped.take();
    expect(await visits.take()).toEqual({ lastEventId: "", closed: false });
    expect(await visits.take()).toMatchObject({ closed: true });

    // The same by the id alone, from a client that keeps its own.
    const response = await fetch(url, { headers: { "Last-Event-ID": id } });
    expect(response.status).toBe(204);
    expect(await visits.take()).toEqual({ lastEventId: id, closed: true });
  });
});
