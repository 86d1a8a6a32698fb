import { describe, expect, it } from "vitest";
import {
  OakServerSentEvent,
  OakServerSentEvent as ServerSentEvent,
} from "../../src/compat/index.ts";
import { EventEndpoint } from "../../src/event-endpoint.ts";
import { Inbox } from "../support/inbox.ts";
import { readAll, subscribe } from "./client.ts";
import { serve } from "./server.ts";

describe("the examples of oak's docs/sse.md, with ctx.sendEvents() being new EventEndpoint()", () => {
  it("sends a message", async () => {
    const url = await serve((req, res) => {
      const target = new EventEndpoint(req, res);
      target.dispatchMessage({ hello: "world" });
    });

    const { heard } = subscribe(url, "message");
    expect(await heard.take()).toMatchObject({ data: '{"hello":"world"}' });
  });

  it("hears that the far end closed the connection", async () => {
    const closed = new Inbox<EventEndpoint>("close event");
    const url = await serve((req, res) => {
      const target = new EventEndpoint(req, res);
      target.addEventListener("close", () => closed.put(target as EventEndpoint));
      target.dispatchMessage({ hello: "world" });
    });

    const { source, heard } = subscribe(url, "message");
    await heard.take();
    source.close();
    expect((await closed.take()).closed).toBe(true);
  });

  it("closes the connection itself", async () => {
    const states = new Inbox<boolean>("end of close()");
    const url = await serve(async (req, res) => {
      const target = new EventEndpoint(req, res);
      target.dispatchMessage({ hello: "world" });
      states.put(target.closed);
      await target.close();
      states.put(target.closed);
    });

    expect(await readAll(await fetch(url))).toEqual([{ data: '{"hello":"world"}' }]);
    expect(await states.take()).toBe(false);
    expect(await states.take()).toBe(true);
  });

  it("sends an event of a type of its own", async () => {
    const url = await serve((req, res) => {
      const target = new EventEndpoint(req, res);
      const event = new ServerSentEvent("ping", { hello: "world" });
      target.dispatchEvent(event);
    });

    const { heard } = subscribe(url, "message", "ping");
    expect(await heard.take()).toMatchObject({ type: "ping", data: '{"hello":"world"}' });
  });

  it("lets a local listener cancel an event before it is sent", async () => {
    const url = await serve((req, res) => {
      const target = new EventEndpoint(req, res);
      target.addEventListener("ping", (event) => event.preventDefault(), { once: true });
      const dispatched = [
        target.dispatchEvent(new ServerSentEvent("ping", "secret", { cancelable: true })),
        target.dispatchEvent(new ServerSentEvent("ping", "public", { cancelable: true })),
      ];
      target.dispatchMessage(dispatched);
    });

    const { heard } = subscribe(url, "message", "ping");
    expect(await heard.take()).toMatchObject({ type: "ping", data: "public" });
    expect(await heard.take()).toMatchObject({ type: "message", data: "[false,true]" });
  });

  it("sends a comment, which is not raised as an event", async () => {
    const url = await serve((req, res) => {
      const target = new EventEndpoint(req, res);
      target.dispatchComment("this is a comment");
      void target.close();
    });

    expect(await readAll(await fetch(url))).toEqual([{ comment: "this is a comment" }]);
  });

  it("adds headers, and overrides those of the stream", async () => {
    const url = await serve((req, res) => {
      const headers = new Headers([
        ["X-Custom-Header", "custom value"],
        ["Cache-Control", "no-store"],
      ]);
      const target = new EventEndpoint(req, res, { headers });
      target.dispatchEvent(new ServerSentEvent("ping", { hello: "world" }));
      void target.close();
    });

    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(response.headers.get("x-custom-header")).toBe("custom value");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await readAll(response)).toEqual([{ event: "ping", data: '{"hello":"world"}' }]);
  });

  it("asks first whether the client accepts an event stream", async () => {
    const url = await serve((req, res) => {
      if (!EventEndpoint.accepts(req)) return res.writeHead(415).end();
      return new EventEndpoint(req, res).dispatchMessage("welcome");
    });

    expect((await fetch(url, { headers: { accept: "text/html" } })).status).toBe(415);
    const { heard } = subscribe(url, "message");
    expect(await heard.take()).toMatchObject({ data: "welcome" });
  });

  it("counts from 0 until the client leaves", async () => {
    const closed = new Inbox<number>("close event");
    const url = await serve((req, res) => {
      const target = new EventEndpoint(req, res);
      let counter = 0;
      const timer = setInterval(() => {
        target.dispatchEvent(new ServerSentEvent("message", { hello: "world" }, { id: counter++ }));
      }, 5);
      target.addEventListener("close", () => {
        clearInterval(timer);
        closed.put(counter);
      });
    });

    const { source, heard } = subscribe(url, "message");
    expect(await heard.take()).toMatchObject({ data: '{"hello":"world"}', lastEventId: "0" });
    expect(await heard.take()).toMatchObject({ data: '{"hello":"world"}', lastEventId: "1" });
    source.close();
    expect(await closed.take()).toBeGreaterThanOrEqual(2);
  });
});

describe("OakServerSentEvent", () => {
  it("has the text that is sent as its data", () => {
    expect(new OakServerSentEvent("ping", "foo").data).toBe("foo");
    expect(new OakServerSentEvent("ping", { foo: [1] }).data).toBe('{"foo":[1]}');
    expect(new OakServerSentEvent("ping", null).data).toBe("null");
  });

  it("passes replacer and space on to JSON.stringify", () => {
    const user = { name: "Ann", password: "secret" };
    const hide = (key: string, value: unknown) => (key === "password" ? "***" : value);
    const text = (init: object) => new OakServerSentEvent("user", user, init).data;

    expect(text({ replacer: ["name"] })).toBe('{"name":"Ann"}');
    expect(text({ replacer: hide })).toBe('{"name":"Ann","password":"***"}');
    expect(text({ replacer: ["name"], space: 2 })).toBe('{\n  "name": "Ann"\n}');
  });

  it("is sent with its id, its retry and all lines of its data", async () => {
    const url = await serve((req, res) => {
      const target = new EventEndpoint(req, res);
      target.dispatchEvent(new OakServerSentEvent("ping", [1], { id: 0, retry: 7, space: 1 }));
      void target.close();
    });

    const text = await (await fetch(url)).text();
    expect(text).toContain("event: ping\nid: 0\nretry: 7\ndata: [\ndata:  1\ndata: ]\n\n");
  });

  it("is an event like any other", () => {
    const event = new OakServerSentEvent("ping", "", { bubbles: true, id: 1 });
    expect(event).toMatchObject({ type: "ping", bubbles: true, cancelable: false, id: 1 });
    expect(event).toBeInstanceOf(Event);
  });

  it("refuses data that has no JSON form", () => {
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    for (const data of [circular, undefined, () => 1, 1n]) {
      expect(() => new OakServerSentEvent("ping", data)).toThrow(TypeError);
    }
  });
});
