import { once } from "node:events";
import { connect, constants, type ClientHttp2Stream, type OutgoingHttpHeaders } from "node:http2";
import { randomUUID } from "node:crypto";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { describe, expect, it, onTestFinished } from "vitest";
import { within } from "../support/inbox.ts";
import { type ServerKind, startStoryServer } from "../support/story-server.ts";
import { Transcript } from "../support/transcript.ts";
import { MESSAGES } from "./messages.ts";

describe.each<ServerKind>(["h2c", "h2"])("node:http2 with %s", (kind) => {
  const start = async () => {
    const server = await startStoryServer(kind, { reconnectionTime: 20 });
    const session = connect(server.origin, { rejectUnauthorized: false });
    // Its end is the server's.
    session.on("error", () => {});
    onTestFinished(async () => {
      session.destroy();
      await server.close();
    });
    const open = async (headers: OutgoingHttpHeaders = {}) => {
      const stream = session.request({ ":path": "/events", ...headers });
      const heard = once(stream, "response") as Promise<[Record<string, unknown>, number]>;
      const output = new Transcript();
      stream.on("data", (bytes: Uint8Array) => output.add(bytes));
      const [visit, [head, flags]] = await Promise.all([
        server.nextVisit(),
        within(heard, "response"),
      ]);
      return { ...visit, stream, output, head: Object.fromEntries(Object.entries(head)), flags };
    };
    return { server, session, open };
  };

  /** The end of a stream; it says how the server ended it. */
  const ended = async (stream: ClientHttp2Stream) => {
    if (!stream.closed) await within(once(stream, "close"), "end of the stream");
    return stream.rstCode;
  };

  it("gets status and headers before anything is sent, and none of the connection's", async () => {
    const { open } = await start();
    const { head, output } = await open();
    expect(head).toEqual({
      ":status": 200,
      "cache-control": "no-cache, no-transform",
      "content-type": "text/event-stream",
      date: expect.any(String),
      "x-accel-buffering": "no",
    });
    expect(await output.until("\n\n")).toBe("retry: 20\n\n");
  });

  it("gets every event as it was sent, and a clean end", async () => {
    const { open } = await start();
    const { events, stream, output } = await open();
    for (const [sent] of MESSAGES) void events.send(sent);
    void events.sendEvent("tick", "named", "0");
    void events.close();
    expect(await ended(stream)).toBe(constants.NGHTTP2_NO_ERROR);
    const received: EventSourceMessage[] = [];
    createParser({ onEvent: (event) => received.push(event) }).feed(output.text);
    expect(received).toEqual([
      ...MESSAGES.map(([sent, data = sent]) => ({ data, event: undefined, id: undefined })),
      { data: "named", event: "tick", id: "0" },
    ]);
  });

  it("has its Last-Event-ID read as UTF-8", async () => {
    const { open } = await start();
    const id = "é-你好-👋";
    const { events } = await open({ "last-event-id": Buffer.from(id).toString("latin1") });
    expect(events.lastEventId).toBe(id);
  });

  it("carries streams beside each other, and goes on after one ended", async () => {
    const { open } = await start();
    const [one, two] = [await open(), await open()];
    void one.events.send("to one");
    void two.events.send("to two");
    void one.events.close();
    expect(await ended(one.stream)).toBe(constants.NGHTTP2_NO_ERROR);
    expect(one.output.text).toBe("retry: 20\n\ndata: to one\n\n");
    void two.events.send("still there");
    await two.output.until("still there\n\n");
    expect(two.output.text).toBe("retry: 20\n\ndata: to two\n\ndata: still there\n\n");
    const three = await open();
    void three.events.send("to three");
    await three.output.until("data: to three\n\n");
  });

  it.each([
    ["the id of the goodbye", ""],
    ["the id that it had when it was closed for good", randomUUID()],
  ])("is answered with 204 and no body for %s", async (_name, ownId) => {
    const { open } = await start();
    const { events, stream, output } = await open();
    if (ownId) void events.send("x", ownId);
    void events.close(true);
    expect(await ended(stream)).toBe(constants.NGHTTP2_NO_ERROR);
    const goodbye = /event: close\nid: (\S+)\ndata: \n\n$/.exec(output.text)![1]!;
    const refused = await open({ "last-event-id": ownId || goodbye });
    expect(refused.head).toEqual({ ":status": 204, date: expect.any(String) });
    expect(refused.flags & constants.NGHTTP2_FLAG_END_STREAM).not.toBe(0);
    expect(await ended(refused.stream)).toBe(constants.NGHTTP2_NO_ERROR);
    expect(refused.output.text).toBe("");
    expect(refused.events.closed).toBe(true);
  });

  it.each([
    ["cancels its stream", (stream: ClientHttp2Stream) => stream.close(constants.NGHTTP2_CANCEL)],
    ["ends its session", (stream: ClientHttp2Stream) => stream.session!.destroy()],
  ])("tells the server when it %s", async (_name, leave) => {
    const { open } = await start();
    const { events, stream } = await open();
    stream.on("error", () => {});
    const closed = new Promise<string>((resolve) => {
      events.addEventListener("close", ({ code }) => resolve(code));
    });
    leave(stream);
    expect(await within(closed, "close event on the server")).toBe("client-left");
  });

  it("gets the headers and no stream for HEAD", async () => {
    const { open } = await start();
    const { head, stream, output, events } = await open({ ":method": "HEAD" });
    expect(head).toMatchObject({ ":status": 200, "content-type": "text/event-stream" });
    expect(await ended(stream)).toBe(constants.NGHTTP2_NO_ERROR);
    expect(output.text).toBe("");
    expect(events.closed).toBe(true);
  });
});
