import { describe, expect, it } from "vitest";
import {
  type CloseEvent,
  EventChannel,
  EventEndpoint,
  type EventEndpointOptions,
} from "../../../src/index.ts";
import { Inbox, within } from "../../support/inbox.ts";

function open(options?: EventEndpointOptions, init?: RequestInit) {
  const events = new EventEndpoint(new Request("http://host/", init), options);
  const closes = new Inbox<CloseEvent>("close event");
  events.addEventListener("close", (event) => closes.put(event));
  return { events, closes };
}

describe("an endpoint over a Fetch request", () => {
  it("keeps what was sent before anybody reads, also when it was closed meanwhile", async () => {
    const { events, closes } = open();
    void events.send("a", "1");
    await within(events.close(), "end of close(), though nobody reads");
    expect(await closes.take()).toMatchObject({ code: "closed", wasClean: true });
    expect(await events.response.text()).toBe(":\nid: 1\ndata: a\n\n");
  });

  it("counts only events as waiting, not its own first byte", async () => {
    const { events } = open();
    expect(events.bufferedAmount).toBe(0);
    void events.send("é");
    expect(events.bufferedAmount).toBe("data: é\n\n".length + 1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(events.bufferedAmount).toBe("data: é\n\n".length + 1);
    const reader = events.response.body!.getReader();
    while (events.bufferedAmount > 0) await reader.read();
    void events.close();
    expect(await reader.read()).toMatchObject({ done: true });
  });

  it("hands a large event on in pieces, so that a slow reader is seen to read", async () => {
    const { events } = open();
    const data = "é".repeat(50_000);
    void events.send(data);
    const reader = events.response.body!.getReader();
    const pieces = [(await reader.read()).value!];
    let waiting = Infinity;
    while (events.bufferedAmount > 0) {
      expect(events.bufferedAmount).toBeLessThan(waiting);
      waiting = events.bufferedAmount;
      const { value } = await reader.read();
      // As if it were given to another thread.
      pieces.push(structuredClone(value!, { transfer: [value!.buffer] }));
    }
    expect(Math.max(...pieces.map(({ length }) => length))).toBe(16_384);
    expect(Buffer.concat(pieces).toString()).toBe(`:\ndata: ${data}\n\n`);
    await events.close();
  });

  it("is closed when the request's signal is aborted, and its reader is not left waiting", async () => {
    const controller = new AbortController();
    const { events, closes } = open({}, { signal: controller.signal });
    const reader = events.response.body!.getReader();
    await reader.read();
    const waiting = reader.read();
    controller.abort();
    expect(await closes.take()).toMatchObject({ code: "client-left", wasClean: true });
    expect(await within(waiting, "end of the body")).toMatchObject({ done: true });
    expect(events.closed).toBe(true);
  });

  it("is closed from the start when the request was aborted before", async () => {
    const { events, closes } = open({}, { signal: AbortSignal.abort() });
    expect(events.closed).toBe(true);
    expect(await closes.take()).toMatchObject({ code: "client-left" });
    await events.response.text();
  });

  it("is closed once when the body is cancelled and the request aborted", async () => {
    const controller = new AbortController();
    const { events, closes } = open({}, { signal: controller.signal });
    await events.response.body!.cancel();
    controller.abort();
    expect(await closes.take()).toMatchObject({ code: "client-left", wasClean: true });
    expect(closes.size).toBe(0);
    expect(await events.send("x")).toBe(false);
  });

  it.each(["the body is cancelled", "the request is aborted"])(
    "is closed in the turn in which a channel has sent more than it may hold, and %s",
    async (how) => {
      const aborter = new AbortController();
      const { events, closes } = open({ maxBufferedAmount: 200 }, { signal: aborter.signal });
      const channel = new EventChannel({ log: false });
      await channel.add(events);
      const reader = events.response.body!.getReader();
      await reader.read();
      void channel.send("x".repeat(40));
      events.dispatchComment("x".repeat(80));
      void channel.send("x".repeat(40));
      if (how === "the body is cancelled") await reader.cancel();
      else aborter.abort();
      expect(await closes.take()).toMatchObject({ code: "client-left", wasClean: false });
      expect(channel.size).toBe(0);
    },
  );

  it("lets go of the request's signal when it is closed", async () => {
    const { signal } = new AbortController();
    const request = new Request("http://host/");
    let listeners = 0;
    Object.defineProperty(request, "signal", { value: signal });
    signal.addEventListener = () => void listeners++;
    signal.removeEventListener = () => void listeners--;
    const events = new EventEndpoint(request);
    expect(listeners).toBe(1);
    await events.close();
    expect(listeners).toBe(0);
  });

  it("does not keep a response alive that nobody reads, however long its handler takes", async () => {
    const { events } = open({ keepAlive: 10, stallTimeout: 10 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(events.closed).toBe(false);
    void events.close();
    expect(await events.response.text()).toBe(":\n");
  });

  it("breaks the body off behind what was sent when the source fails", async () => {
    const { events, closes } = open();
    await events.pipe(
      (function* () {
        yield "a";
        throw new Error("secret");
      })(),
    );
    const reader = events.response.body!.getReader();
    let text = "";
    const failure = (async () => {
      for (;;) text += Buffer.from((await reader.read()).value!).toString();
    })();
    await expect(failure).rejects.toMatchObject({
      name: "EventEndpointError",
      code: "source-failed",
    });
    await expect(failure).rejects.not.toThrow("secret");
    expect(text).toBe(":\ndata: a\n\n");
    expect(await closes.take()).toMatchObject({ code: "source-failed", wasClean: true });
  });

  it("breaks the body off at once when the client is too slow", async () => {
    const { events, closes } = open({ maxBufferedAmount: 10 });
    for (let sent = 0; sent < 3; sent++) {
      void events.send("0123456789");
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await closes.take()).toMatchObject({ code: "slow-client", wasClean: false });
    await expect(events.response.text()).rejects.toMatchObject({ code: "slow-client" });
  });

  it("takes a request by its shape, as frameworks have classes of their own", async () => {
    const request = { method: "GET", url: "/?lastEventId=7", headers: new Headers() } as Request;
    const events = new EventEndpoint(request);
    expect(events.lastEventId).toBe("7");
    void events.close();
    expect(await events.response.text()).toBe(":\n");
  });

  it("can be asked before, whether the client would take a stream", () => {
    const request = (accept: string) => new Request("http://host/", { headers: { accept } });
    expect(EventEndpoint.accepts(request("text/event-stream"))).toBe(true);
    expect(EventEndpoint.accepts(request("application/json"))).toBe(false);
    expect(EventEndpoint.accepts({ headers: { accept: "text/*" } })).toBe(true);
    expect(EventEndpoint.accepts({ headers: { accept: "text/html" } })).toBe(false);
    expect(() => EventEndpoint.accepts(undefined as never)).toThrow('"request"');
  });
});
