import { randomUUID } from "node:crypto";
import { EventSourceParserStream } from "eventsource-parser/stream";
import { describe, expect, it, onTestFinished } from "vitest";
import { within } from "../support/inbox.ts";
import { startStoryServer } from "../support/story-server.ts";
import { MESSAGES } from "./messages.ts";

describe.each(["node:http", "fetch"] as const)("fetch with %s", (kind) => {
  const start = async () => {
    const headers = { "Access-Control-Allow-Origin": "*" };
    const server = await startStoryServer(kind, { reconnectionTime: 20, headers });
    onTestFinished(() => server.close());
    const url = `${server.origin}/events`;
    const open = async (init: RequestInit = {}, search = "") => {
      const [response, visit] = await Promise.all([
        within(fetch(url + search, init), "response"),
        server.nextVisit(),
      ]);
      return { response, ...visit };
    };
    return { server, open };
  };

  const read = (response: Response) => within(response.text(), "end of the body");

  it("gets status and headers before anything is sent", async () => {
    const { open } = await start();
    const { response } = await open();
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toEqual({
      "access-control-allow-origin": "*",
      "cache-control": "no-cache, no-transform",
      connection: "keep-alive",
      "content-type": "text/event-stream",
      date: expect.any(String),
      "keep-alive": expect.any(String),
      "transfer-encoding": "chunked",
      "x-accel-buffering": "no",
    });
  });

  it("gets exactly these bytes, and a clean end", async () => {
    const { open } = await start();
    const { response, events } = await open();
    void events.send("Hello");
    void events.send("", "0");
    void events.sendEvent("tick", "a\nb", { id: "é", retry: 0 });
    events.dispatchComment("note");
    void events.send({ a: 1 }, { id: "" });
    void events.close({ reconnectionTime: 7 });
    expect(await read(response)).toBe(
      "retry: 20\n\n" +
        "data: Hello\n\n" +
        "id: 0\ndata: \n\n" +
        "event: tick\nid: é\nretry: 0\ndata: a\ndata: b\n\n" +
        ": note\n" +
        'id: \ndata: {"a":1}\n\n' +
        "retry: 7\n\n",
    );
  });

  it("gets every event through eventsource-parser as it was sent", async () => {
    const { open } = await start();
    const { response, events } = await open();
    for (const [sent] of MESSAGES) void events.send(sent);
    void events.sendEvent("tick", "named", "0");
    void events.sendEvent("ünïcode: a type ", "", { id: "grüße-你好" });
    void events.close();
    const received: unknown[] = [];
    const reading = response
      .body!.pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream({ onError: "terminate" }))
      .pipeTo(new WritableStream({ write: (event) => void received.push(event) }));
    await within(reading, "end of the events");
    expect(received).toEqual([
      ...MESSAGES.map(([sent, data = sent]) => ({ data, event: undefined, id: undefined })),
      { data: "named", event: "tick", id: "0" },
      { data: "", event: "ünïcode: a type ", id: "grüße-你好" },
    ]);
  });

  it("gets an event while the stream stays open", async () => {
    const { open } = await start();
    const { response, events } = await open();
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const first = await within(reader.read(), "first bytes");
    expect(first.value).toBe("retry: 20\n\n");
    void events.send("now");
    const second = await within(reader.read(), "event");
    expect(second.value).toBe("data: now\n\n");
    expect(events.closed).toBe(false);
  });

  it.each([
    ["ASCII", "0"],
    ["UTF-8", "é-你好-👋"],
  ])("has its Last-Event-ID in %s read", async (_name, id) => {
    const { open } = await start();
    // Header values are bytes to fetch.
    const bytes = Buffer.from(id).toString("latin1");
    const { events } = await open({ headers: { "Last-Event-ID": bytes } });
    expect(events.lastEventId).toBe(id);
  });

  it("has the id in its query read", async () => {
    const { open } = await start();
    const { events } = await open({}, `?lastEventId=${encodeURIComponent("é 1")}`);
    expect(events.lastEventId).toBe("é 1");
  });

  it("gets a last event from close(true), whose id is answered with 204 and no body", async () => {
    const { open } = await start();
    const { response, events } = await open();
    void events.send("Hello");
    void events.close(true);
    const text = await read(response);
    expect(text).toMatch(/\n\nevent: close\nid: [\x21-\x7e]{1,64}\ndata: \n\n$/);
    const id = /^id: (.*)$/m.exec(text)![1]!;
    for (let attempt = 1; attempt <= 3; attempt++) {
      const refused = await open({ headers: { "Last-Event-ID": id } });
      expect(refused.response.status).toBe(204);
      expect(await read(refused.response)).toBe("");
      expect(Object.fromEntries(refused.response.headers)).toEqual({
        "access-control-allow-origin": "*",
        connection: "keep-alive",
        date: expect.any(String),
        "keep-alive": expect.any(String),
      });
      expect(refused.events.closed).toBe(true);
      expect(refused.events.lastEventId).toBe("");
    }
  });

  it("is answered with 204 for the id that it had when it was closed for good", async () => {
    const { open } = await start();
    const id = `mine ${randomUUID()}`;
    const { response, events } = await open();
    void events.send("Hello", "not the last");
    void events.send("Hello", id);
    void events.close(true);
    await read(response);
    const refused = await open({ headers: { "Last-Event-ID": id } });
    expect(refused.response.status).toBe(204);
    expect(refused.events.lastEventId).toBe(id);
    const other = await open({ headers: { "Last-Event-ID": "not the last" } });
    expect(other.response.status).toBe(200);
  });

  it.each(["end", "reset"] as const)("can tell a connection's %s from a clean end", async (how) => {
    const { server, open } = await start();
    const { response, events } = await open();
    const reader = response.body!.getReader();
    await within(reader.read(), "first bytes");
    void events.send("x");
    await within(reader.read(), "event");
    server.line.cut(how);
    await expect(within(reader.read(), "end")).rejects.toThrow("terminated");
  });

  it("tells the server when it aborts", async () => {
    const { open } = await start();
    const controller = new AbortController();
    const { events } = await open({ signal: controller.signal });
    const closed = new Promise<string>((resolve) => {
      events.addEventListener("close", ({ code }) => resolve(code));
    });
    controller.abort();
    expect(await within(closed, "close event on the server")).toBe("client-left");
  });

  it("gets a stream for POST", async () => {
    const { open } = await start();
    const { response, events, method } = await open({ method: "POST", body: "question" });
    expect(method).toBe("POST");
    void events.send("answer");
    void events.close();
    expect(await read(response)).toBe("retry: 20\n\ndata: answer\n\n");
  });

  it("gets the headers and no stream for HEAD", async () => {
    const { open } = await start();
    const { response, events } = await open({ method: "HEAD" });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(response.headers.get("cache-control")).toBe("no-cache, no-transform");
    expect(await read(response)).toBe("");
    expect(events.closed).toBe(true);
  });
});
