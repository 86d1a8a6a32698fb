import { describe, expect, it } from "vitest";
import { SSEEvent, SSEMessage } from "../../src/compat/index.ts";
import { EventEndpoint } from "../../src/event-endpoint.ts";
import { eventHandler, type EventHandler } from "../../src/event-handler.ts";
import { bridge } from "../support/fetch-bridge.ts";
import { Inbox } from "../support/inbox.ts";
import { readAll, subscribe } from "./client.ts";
import { type Listener, serve } from "./server.ts";

const styles: [style: string, toListener: (handler: EventHandler) => Listener][] = [
  ["node:http", (handler) => handler],
  ["fetch", (handler) => bridge(handler)],
];

describe.each(styles)("the examples of Danet's documentation on %s", (_style, toListener) => {
  // The documentation has one name, the code that it refers to the other.
  it.each([
    ["SSEMessage", SSEMessage],
    ["SSEEvent", SSEEvent],
  ])("sends what is dispatched as a new %s, until the client hears close", async (_name, Event) => {
    class ExampleController {
      sendUpdate(): EventTarget {
        const eventTarget = new EventTarget();
        let id = 0;
        const timer = setInterval(() => {
          if (id >= 4) {
            clearInterval(timer);
            const event = new Event({ retry: 1000, id: `${id}`, data: "close", event: "close" });
            eventTarget.dispatchEvent(event);
            return;
          }
          const event = new Event({ retry: 1000, id: `${id}`, data: "world", event: "hello" });
          eventTarget.dispatchEvent(event);
          id++;
        }, 5);
        return eventTarget;
      }
    }
    const left = new Inbox<string>("close event");
    const url = await serve(
      toListener(
        eventHandler((events) => {
          events.addEventListener("close", (event) => left.put(event.code));
          return new ExampleController().sendUpdate();
        }),
      ),
    );

    const { source, heard } = subscribe(url, "hello", "close");
    for (const lastEventId of ["0", "1", "2", "3"]) {
      expect(await heard.take()).toEqual({ type: "hello", data: "world", lastEventId });
    }
    expect(await heard.take()).toEqual({ type: "close", data: "close", lastEventId: "4" });
    source.close();
    expect(await left.take()).toBe("client-left");
  });

  it("sends an object as JSON, to onmessage if it has no event", async () => {
    const url = await serve(
      toListener(
        eventHandler(() => {
          const eventTarget = new EventTarget();
          setImmediate(() => eventTarget.dispatchEvent(new SSEEvent({ data: { hello: "world" } })));
          return eventTarget;
        }),
      ),
    );

    const { source } = subscribe(url);
    const messages = new Inbox<unknown>("message");
    source.onmessage = ({ data }) => messages.put(JSON.parse(data));
    expect(await messages.take()).toEqual({ hello: "world" });
  });
});

describe("SSEEvent", () => {
  it("is sent with all its fields by an endpoint that pipes its target", async () => {
    const eventTarget = new EventTarget();
    const events = new EventEndpoint(new Request("http://localhost"));
    void events.pipe(eventTarget);
    const message: SSEMessage = { event: "tick", id: "7", retry: 0, data: "" };
    eventTarget.dispatchEvent(new SSEEvent(message));
    eventTarget.dispatchEvent(new SSEEvent({ data: "bare" }));
    void events.close();

    const text = await events.response.text();
    expect(text).toContain("event: tick\nid: 7\nretry: 0\ndata: \n\ndata: bare\n\n");
  });

  it("is a message event whose detail is what it was made of", () => {
    const message = { data: "hello", event: "tick" };
    const event = new SSEEvent(message);
    expect(event.type).toBe("message");
    expect(event.detail).toBe(message);
    expect(event).toBeInstanceOf(CustomEvent);
  });

  it("does not end the stream when it is called close, as its handler does", async () => {
    const url = await serve(
      eventHandler((events) => {
        const eventTarget = new EventTarget();
        setImmediate(() => {
          eventTarget.dispatchEvent(new SSEEvent({ event: "close", data: "wait" }));
          eventTarget.dispatchEvent(new SSEEvent({ data: "more" }));
          void events.close();
        });
        return eventTarget;
      }),
    );

    expect(await readAll(await fetch(url))).toEqual([
      { event: "close", data: "wait" },
      { data: "more" },
    ]);
  });

  it("refuses a message without data", () => {
    expect(() => new SSEEvent({ event: "tick" } as SSEMessage)).toThrow(TypeError);
  });
});
