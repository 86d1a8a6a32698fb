import fc from "fast-check";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CloseEvent, EventEndpoint } from "../../src/index.ts";
import { type ParsedEvent, readEvents } from "../../src/testing/index.ts";
import { Inbox, within } from "../support/inbox.ts";
import { parsers } from "../support/parsers.ts";
import { hostileText } from "../support/seed.ts";

/** All events, up to the end. */
async function readAll(...args: Parameters<typeof readEvents>): Promise<ParsedEvent[]> {
  const events: ParsedEvent[] = [];
  for await (const event of readEvents(...args)) events.push(event);
  return events;
}

const TYPE = { "Content-Type": "text/event-stream" };

/** An answer whose body comes in these pieces. */
function answer(...chunks: (string | Uint8Array)[]): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const each of chunks) controller.enqueue(Buffer.from(each as string));
      controller.close();
    },
  });
  return new Response(body, { headers: TYPE });
}

describe("the events of a Response", () => {
  it("are those that an endpoint sent", async () => {
    const events = new EventEndpoint(new Request("http://host/"), { reconnectionTime: 100 });
    void events.send("a\nb");
    void events.sendEvent("tick", { price: 7 }, "é-1");
    events.dispatchComment("nothing");
    void events.send("c", { retry: 0 });
    void events.close();
    expect(await readAll(events.response)).toEqual([
      { event: "message", data: "a\nb", id: "", retry: 100 },
      { event: "tick", data: '{"price":7}', id: "é-1", retry: 100 },
      { event: "message", data: "c", id: "é-1", retry: 0 },
    ]);
  });

  it("are what Node's EventSource makes of the same bytes, wherever these are cut", async () => {
    const value = hostileText.map((text) => text.replace(/[\r\n]/g, ""));
    const field = fc.tuple(fc.constantFrom("data: ", "event: x", "id:", ":"), value);
    const ending = fc.constantFrom("\n", "\r", "\r\n", "\n\n", "\r\r", "\r\n\r\n");
    const text = fc.array(fc.tuple(field, ending), { maxLength: 12 });
    const places = fc.array(fc.nat(), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(text, places, fc.boolean(), async (lines, cuts, hasMark) => {
        const bytes = Buffer.from((hasMark ? "\ufeff" : "") + lines.flat(2).join(""));
        const sorted = cuts.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
        const chunks = [...sorted, bytes.length].map((to, i) => bytes.subarray(sorted[i - 1], to));
        const parsed = await parsers["undici"]!(chunks);
        const events = (await readAll(answer(...chunks))).map(({ event, data, id }) => ({
          type: event,
          data,
          lastEventId: id,
        }));
        expect(events).toEqual(parsed.events);
      }),
      { numRuns: Number(process.env["FC_RUNS"] ?? 300) },
    );
  });

  it("have their characters whole, wherever the bytes are cut", async () => {
    const data = "é日\ud83d\ude00\ufeff";
    const bytes = Buffer.from(`\ufeffevent: ${data}\ndata: ${data}\n\n`);
    const expected = [{ event: data, data, id: "", retry: undefined }];
    for (let place = 0; place <= bytes.length; place++) {
      const chunks = [bytes.subarray(0, place), bytes.subarray(place)];
      expect(await readAll(answer(...chunks)), `cut at ${place}`).toEqual(expected);
    }
    expect(await readAll(answer(...[...bytes].map((byte) => Buffer.from([byte]))))).toEqual(
      expected,
    );
  });

  it("have the id that the client came with, until there is another", async () => {
    const events = await readAll(answer("data: a\n\nid: 2\ndata: b\n\n"), { lastEventId: "1" });
    expect(events.map(({ id }) => id)).toEqual(["1", "2"]);
  });

  it("come as they come, and leaving the loop cancels the answer", async () => {
    const events = new EventEndpoint(new Request("http://host/"));
    const closed = once(events as unknown as EventTarget, "close") as Promise<[CloseEvent]>;
    const seen: string[] = [];
    void events.send("1");
    void events.send("2");
    for await (const { data } of readEvents(events.response)) {
      seen.push(data);
      if (data === "2") void events.send("3");
      if (data === "3") break;
    }
    expect(seen).toEqual(["1", "2", "3"]);
    expect((await within(closed, "close event"))[0]).toMatchObject({ code: "client-left" });
  });

  it("also let the server see that the client went away when the loop throws", async () => {
    const events = new EventEndpoint(new Request("http://host/"));
    void events.send("1");
    const reading = (async () => {
      for await (const { data } of readEvents(events.response)) throw new Error(`Not ${data}`);
    })();
    await expect(reading).rejects.toThrow("Not 1");
    expect(events.closed).toBe(true);
  });

  it("are none for a client that is to stop: the answer is 204", async () => {
    const closing = new EventEndpoint(new Request("http://host/"));
    void closing.close(true);
    const [{ id, event }] = (await readAll(closing.response)) as [ParsedEvent];
    expect(event).toBe("close");
    const headers = { "Last-Event-ID": id };
    const { response } = new EventEndpoint(new Request("http://host/", { headers }));
    expect(response.status).toBe(204);
    expect(await readAll(response)).toEqual([]);
  });

  it.each<[string, Response, string]>([
    [
      "no event stream",
      new Response("{}", { headers: { "Content-Type": "application/json" } }),
      'status 200, content type "application/json"',
    ],
    [
      "of almost the right type",
      new Response("", { headers: { "Content-Type": "text/event-streams" } }),
      'content type "text/event-streams"',
    ],
    ["of no type", new Response(new Uint8Array(1)), 'content type ""'],
    ["an error", new Response("", { status: 503, headers: TYPE }), "status 503"],
    ["a success of another kind", new Response("", { status: 201, headers: TYPE }), "status 201"],
    ["without a body", new Response(null, { headers: TYPE }), "status 200"],
  ])("are not looked for in an answer that is %s", async (_, response, fault) => {
    const error: unknown = await readAll(response).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain(`Cannot read events: `);
    expect(String(error)).toContain(fault);
    // It is the caller's still, who may want to see what it says.
    expect(response.bodyUsed).toBe(false);
  });

  it.each(["text/event-stream", "text/event-stream; charset=utf-8", "Text/Event-Stream;x=y"])(
    "are read of the type %s",
    async (type) => {
      const response = new Response("data: x\n\n", { headers: { "Content-Type": type } });
      expect(await readAll(response)).toHaveLength(1);
    },
  );

  it("end with the error that broke the stream off", async () => {
    const events = new EventEndpoint(new Request("http://host/"));
    void events.pipe(
      (async function* () {
        yield "1";
        throw new Error("secret");
      })(),
    );
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { data } of readEvents(events.response)) seen.push(data);
    })();
    await expect(reading).rejects.toMatchObject({
      name: "EventEndpointError",
      code: "source-failed",
    });
    expect(seen).toEqual(["1"]);
  });
});

describe("a signal", () => {
  it("ends the reading with its reason while it waits, and cancels the answer", async () => {
    const events = new EventEndpoint(new Request("http://host/"));
    const controller = new AbortController();
    const reading = readAll(events.response, { signal: controller.signal });
    const reason = new Error("enough");
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort(reason);
    await expect(within(reading, "end of the reading")).rejects.toBe(reason);
    expect(events.closed).toBe(true);
  });

  it("ends the reading between two events that came together", async () => {
    const controller = new AbortController();
    const seen: string[] = [];
    const reading = (async () => {
      const options = { signal: controller.signal };
      for await (const { data } of readEvents(answer("data: 1\n\ndata: 2\n\n"), options)) {
        seen.push(data);
        controller.abort();
      }
    })();
    await expect(reading).rejects.toMatchObject({ name: "AbortError" });
    expect(seen).toEqual(["1"]);
  });

  it("that was aborted before lets nothing be read", async () => {
    const signal = AbortSignal.abort(new Error("too late"));
    await expect(readAll(answer("data: 1\n\n"), { signal })).rejects.toThrow("too late");
    await expect(readAll("http://127.0.0.1:1/", { signal })).rejects.toThrow("too late");
  });

  it("has no listener left when the reading is over", async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: [never, never]) => {
      listeners++;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: [never, never]) => {
      listeners--;
      removeEventListener.apply(signal, args);
    };
    expect(await readAll(answer("data: 1\n\n"), { signal })).toHaveLength(1);
    expect(listeners).toBe(0);
  });
});

describe("the events of a URL", () => {
  let server: http.Server;
  let url: string;
  let requests: Inbox<http.IncomingMessage>;
  let handle: (req: http.IncomingMessage, res: http.ServerResponse) => void;

  beforeEach(async () => {
    requests = new Inbox("request");
    server = http.createServer((req, res) => {
      requests.put(req);
      handle(req, res);
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`;
  });
  afterEach(() => {
    server.close();
    server.closeAllConnections();
  });

  it.each([
    ["text", (text: string) => text],
    ["a URL", (text: string) => new URL(text)],
  ])("given as %s are read until the loop is left, which the server sees", async (_, toSource) => {
    const closes = new Inbox<CloseEvent>("close event");
    handle = (req, res) => {
      const events = new EventEndpoint(req, res);
      events.addEventListener("close", (event) => closes.put(event));
      void events.send("1", "é");
      void events.send("2");
    };
    const seen: ParsedEvent[] = [];
    for await (const event of readEvents(toSource(url))) if (seen.push(event) === 2) break;
    expect(seen.map(({ data, id }) => `${data} ${id}`)).toEqual(["1 é", "2 é"]);
    expect(await closes.take()).toMatchObject({ code: "client-left" });
    expect((await requests.take()).headers).toMatchObject({
      accept: "text/event-stream",
      "cache-control": "no-cache",
    });
  });

  it("are asked for with the id of a client that comes back, and with other headers", async () => {
    handle = (req, res) => {
      const events = new EventEndpoint(req, res);
      void events.send(events.lastEventId);
      void events.close();
    };
    const headers = { Cookie: "a=b", Accept: "text/event-stream;q=0.5" };
    const events = await readAll(url, { lastEventId: "é-日", headers });
    expect(events).toEqual([{ event: "message", data: "é-日", id: "é-日", retry: undefined }]);
    expect((await requests.take()).headers).toMatchObject({
      cookie: "a=b",
      accept: "text/event-stream;q=0.5",
    });
    await readAll(url, { lastEventId: "" });
    expect((await requests.take()).headers).not.toHaveProperty("last-event-id");
  });

  it("are none when the server says 204", async () => {
    handle = (_, res) => res.writeHead(204).end();
    expect(await readAll(url)).toEqual([]);
  });

  it("are not waited for in another answer, which is let go", async () => {
    let gone: Promise<unknown> | undefined;
    handle = (_, res) => {
      gone = once(res, "close");
      res.writeHead(200, { "Content-Type": "text/html" }).write("<p>endless");
    };
    await expect(readAll(url)).rejects.toThrow('content type "text/html"');
    await within(gone!, "end of the answer");
  });

  it("end with the reason of a signal that is aborted meanwhile", async () => {
    const closes = new Inbox<CloseEvent>("close event");
    const controller = new AbortController();
    const reason = new Error("enough");
    handle = (req, res) => {
      const events = new EventEndpoint(req, res);
      events.addEventListener("close", (event) => closes.put(event));
      void events.send("1");
    };
    const reading = (async () => {
      for await (const { data } of readEvents(url, { signal: controller.signal })) {
        expect(data).toBe("1");
        controller.abort(reason);
      }
    })();
    await expect(within(reading, "end of the reading")).rejects.toBe(reason);
    expect(await closes.take()).toMatchObject({ code: "client-left" });
  });

  it("fail when nobody answers", async () => {
    server.close();
    await once(server, "close");
    await expect(readAll(url)).rejects.toThrow(TypeError);
  });
});
