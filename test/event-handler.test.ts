import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import {
  eventHandler,
  type EventHandlerResult,
  MemoryClosedClients,
  ServerSentEvent,
} from "../src/index.ts";
import { within } from "./support/inbox.ts";

/** Runs a handler in both calling styles, each with what frameworks pass besides. */
const styles: Record<
  string,
  (handler: ReturnType<typeof eventHandler>, init?: RequestInit) => Promise<Response>
> = {
  "(request)": async (handler, init) =>
    handler(new Request("http://host/", init), { env: true }, { waitUntil() {} }),
  "(req, res)": async (handler, init) => {
    const server = http.createServer((req, res) => {
      expect(
        handler(req, res, () => expect.unreachable("next() is the framework's")),
      ).toBeUndefined();
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}/`, init);
    server.close();
    return response;
  },
};

describe.each(Object.entries(styles))("eventHandler() called as %s", (_style, call) => {
  const sources: Record<string, () => EventHandlerResult | Promise<EventHandlerResult>> = {
    "a generator": function* () {
      yield* ["a", "b"];
    },
    "an async generator": async function* () {
      yield* ["a", "b"];
    },
    "an array": () => ["a", "b"],
    "a promise of an array": async () => ["a", "b"],
    "a stream": () =>
      new ReadableStream({
        start(controller) {
          controller.enqueue("a");
          controller.enqueue("b");
          controller.close();
        },
      }),
  };

  it.each(Object.entries(sources))(
    "pipes %s, and tells the client that this was all",
    async (_name, handle) => {
      const response = await call(eventHandler(handle));
      expect(response.headers.get("content-type")).toBe("text/event-stream");
      expect(await response.text()).toMatch(
        /^:\ndata: a\n\ndata: b\n\nevent: close\nid: evt-closed\S+\ndata: \n\n$/,
      );
    },
  );

  it("leaves the stream open when nothing is returned, until somebody closes it", async () => {
    const handler = eventHandler((events, request) => {
      expect(request.method).toBe("POST");
      void events.send("a");
      setImmediate(() => {
        void events.send("b");
        void events.close();
      });
    });
    const response = await call(handler, { method: "POST", body: "x" });
    expect(await response.text()).toBe(":\ndata: a\n\ndata: b\n\n");
  });

  it("pipes an EventTarget", async () => {
    const handler = eventHandler((events) => {
      const target = new EventTarget();
      setImmediate(() => {
        target.dispatchEvent(new ServerSentEvent("message", { data: "a", id: "1" }));
        void events.close();
      });
      return target;
    });
    expect(await (await call(handler)).text()).toBe(":\nid: 1\ndata: a\n\n");
  });

  it.each<[name: string, handle: () => never | Promise<never>]>([
    [
      "throws",
      () => {
        throw new Error("secret");
      },
    ],
    [
      "rejects",
      async () => {
        throw new Error("secret");
      },
    ],
    ["returns what cannot be piped", () => 7 as never],
  ])("breaks off and tells onError when the handler %s", async (_name, handle) => {
    const faults: unknown[] = [];
    const handler = eventHandler(handle, {
      onError: (error, { stage }) => faults.push(stage, error),
    });
    const response = await call(handler);
    await expect(within(response.text(), "end of the body")).rejects.not.toThrow("secret");
    expect(faults).toEqual(["handler", expect.any(Error)]);
  });

  it("does not call the handler for a client that was closed for good", async () => {
    const closedClients = new MemoryClosedClients();
    closedClients.add("7");
    const handler = eventHandler(() => expect.unreachable("it has nobody to talk to"), {
      closedClients,
    });
    const response = await call(handler, { headers: { "Last-Event-ID": "7" } });
    expect(response.status).toBe(204);
    expect(await response.text()).toBe("");
  });
});
