import { afterEach, describe, expect, it, vi } from "vitest";
import { ServerSentEvent, ServerSentEventStreamTarget } from "../../src/compat/index.ts";
import { bridge } from "../support/fetch-bridge.ts";
import { Inbox } from "../support/inbox.ts";
import { readAll, subscribe } from "./client.ts";
import { serve } from "./server.ts";

describe("the examples of Deno's std/http/server_sent_event.ts", () => {
  it("counts from 0 until the client leaves", async () => {
    const closed = new Inbox<ServerSentEventStreamTarget>("close event");
    const url = await serve(
      bridge(() => {
        const target = new ServerSentEventStreamTarget();
        let counter = 0;
        const timer = setInterval(() => {
          const data = { hello: "world" };
          target.dispatchEvent(new ServerSentEvent("message", { data, id: counter++ }));
        }, 5);
        target.addEventListener("close", () => {
          clearInterval(timer);
          closed.put(target);
        });
        return target.asResponse();
      }),
    );

    const { source, heard } = subscribe(url, "message");
    const expected = { type: "message", data: '{"hello":"world"}' };
    expect(await heard.take()).toEqual({ ...expected, lastEventId: "0" });
    expect(await heard.take()).toEqual({ ...expected, lastEventId: "1" });
    source.close();
    expect((await closed.take()).closed).toBe(true);
  });

  it("sends the message of the introduction", async () => {
    const url = await serve(
      bridge(() => {
        const target = new ServerSentEventStreamTarget();
        const event = new ServerSentEvent("message", { data: { hello: "world" }, id: 1 });
        target.dispatchEvent(event);
        return target.asResponse();
      }),
    );

    const { heard } = subscribe(url, "message");
    expect(await heard.take()).toMatchObject({ data: '{"hello":"world"}', lastEventId: "1" });
  });

  it("sends an event of a type of its own", async () => {
    const url = await serve(
      bridge(() => {
        const target = new ServerSentEventStreamTarget();
        target.dispatchEvent(new ServerSentEvent("ping", { data: "hello" }));
        return target.asResponse();
      }),
    );

    const { heard } = subscribe(url, "message", "ping");
    expect(await heard.take()).toMatchObject({ type: "ping", data: "hello" });
  });

  it("sends a comment, and ends the stream when it is closed", async () => {
    const url = await serve(
      bridge(() => {
        const target = new ServerSentEventStreamTarget();
        target.dispatchComment("this is a comment");
        target.dispatchMessage("hello");
        void target.close();
        return target.asResponse();
      }),
    );

    expect(await readAll(await fetch(url))).toEqual([
      { comment: "this is a comment" },
      { data: "hello" },
    ]);
  });
});

describe("ServerSentEventStreamTarget", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it("does not send an event that a local listener cancelled", async () => {
    const target = new ServerSentEventStreamTarget();
    target.addEventListener("ping", (event) => event.preventDefault());
    const dispatched = [
      target.dispatchEvent(new ServerSentEvent("ping", { data: "1", cancelable: true })),
      target.dispatchEvent(new ServerSentEvent("ping", { data: "2" })),
    ];
    void target.close();

    expect(dispatched).toEqual([false, true]);
    expect(await readAll(target.asResponse())).toEqual([{ event: "ping", data: "2" }]);
  });

  it("fires close once and refuses what comes after it", async () => {
    const target = new ServerSentEventStreamTarget();
    const codes: string[] = [];
    target.addEventListener("close", (event) => codes.push(event.code));

    expect(target.closed).toBe(false);
    await target.close();
    await target.close();
    expect(target.closed).toBe(true);
    expect(codes).toEqual(["closed"]);
    expect(target.dispatchMessage("late")).toBe(false);
    expect(target.dispatchComment("late")).toBe(false);
    expect(target.dispatchEvent(new ServerSentEvent("late"))).toBe(false);
    expect(await readAll(target.asResponse())).toEqual([]);
  });

  it("adds headers and a status to its answer, but nothing that would break the stream", () => {
    const headers = {
      "X-Custom-Header": "custom value",
      "Content-Type": "text/plain",
      "Content-Length": "5",
      "Cache-Control": "public",
      Connection: "close",
    };
    const init = { status: 201, headers };
    const response = new ServerSentEventStreamTarget().asResponse(init);

    expect(response.status).toBe(201);
    expect(Object.fromEntries(response.headers)).toEqual({
      "cache-control": "no-cache, no-transform",
      "content-type": "text/event-stream",
      "x-accel-buffering": "no",
      "x-custom-header": "custom value",
    });
    expect(init).toEqual({ status: 201, headers });
  });

  it("gives its answer in parts, for another class of response", async () => {
    class MyResponse extends Response {}
    const target = new ServerSentEventStreamTarget();
    const response = new MyResponse(...target.asResponseInit({ statusText: "Fine" }));
    target.dispatchMessage("hello");
    void target.close();

    expect(response.statusText).toBe("Fine");
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(await readAll(response)).toEqual([{ data: "hello" }]);
  });

  it.each([
    [undefined, 3_600_000, 0],
    [{}, 3_600_000, 0],
    [{ keepAlive: false }, 3_600_000, 0],
    [{ keepAlive: true }, 29_000, 0],
    [{ keepAlive: true }, 31_000, 1],
    [{ keepAlive: 500 }, 1_600, 3],
  ])("with the options %j, says in %i ms of silence %i times that it is alive", async (...row) => {
    const [options, silenceMs, expected] = row;
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const target = new ServerSentEventStreamTarget(options);
    const reader = target.asResponse().body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    const read = async (): Promise<void> => {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        text += value;
      }
    };
    const reading = read();

    await vi.advanceTimersByTimeAsync(silenceMs);
    await target.close();
    await reading;
    // The first one opens the stream.
    expect(text).toBe(":\n".repeat(1 + expected));
  });

  it("refuses a keepAlive that is no time", () => {
    expect(() => new ServerSentEventStreamTarget({ keepAlive: -1 })).toThrow(/keepAlive/);
  });
});
