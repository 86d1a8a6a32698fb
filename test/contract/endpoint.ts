import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type CloseEvent,
  type EventEndpoint,
  type EventEndpointOptions,
  MemoryClosedClients,
  ServerSentEvent,
} from "../../src/index.ts";
import { Inbox, within } from "../support/inbox.ts";
import type { Exchange, Handle, Host, RequestInit, StartHost } from "./host.ts";

/** Data whose frame has 64 KiB. */
const block = "x".repeat(65_536 - "data: \n\n".length);

/** Sends blocks to a client that does not read, until the system takes no more. */
async function fill(events: EventEndpoint): Promise<{ waits: Promise<boolean>; blocks: number }> {
  const free = events.send(block);
  for (let blocks = 2; blocks < 2000; blocks++) {
    const waits = events.send(block);
    if (waits === free) continue;
    expect(events.bufferedAmount).toBeGreaterThan(65_536);
    let settled = false;
    void waits.then(() => (settled = true));
    for (let turns = 0; turns < 100; turns++) await new Promise((resolve) => setImmediate(resolve));
    if (settled) continue;
    // More than the little that the system takes when the connection breaks.
    for (let more = 0; more < 32; more++) void events.send(block);
    return { waits, blocks: blocks + 32 };
  }
  throw new Error("The system took everything");
}

/** What an endpoint does on every server: the same tests run over each adapter and protocol. */
export function endpointContract(name: string, start: StartHost): void {
  describe(`an endpoint on ${name}`, () => {
    let host: Host;
    /** The endpoints, in the order of their requests. */
    let endpoints: Inbox<EventEndpoint>;
    /** How the endpoints closed, in that order. */
    let closes: Inbox<CloseEvent>;
    let options: EventEndpointOptions;
    let handle: Handle;

    beforeEach(async () => {
      endpoints = new Inbox("endpoint");
      closes = new Inbox("close event");
      options = { closedClients: new MemoryClosedClients() };
      // Of this test, also when the client of an earlier one leaves only now.
      const inboxes = { endpoints, closes };
      handle = (open) => {
        const events = open(options);
        events.addEventListener("close", (event) => inboxes.closes.put(event));
        inboxes.endpoints.put(events);
      };
      host = await start((open, request) => handle(open, request));
    });
    afterEach(async () => {
      await host.close();
      for (const inbox of [endpoints, closes]) inbox.clear();
    });

    /** Connects a client; the answer comes with the endpoint that gave it. */
    async function connect(init?: RequestInit): Promise<[Exchange, EventEndpoint]> {
      const client = await within(host.request(init), "answer");
      return [client, await endpoints.take()];
    }

    describe("opening", () => {
      it("answers at once with the head and a first byte, so that open needs no event", async () => {
        const [client] = await connect();
        expect(client.status).toBe(200);
        await client.readChunk();
        expect(client.text).toBe(":\n");
      });

      it("says that nobody may keep, transform or collect the stream", async () => {
        const [{ headers }] = await connect();
        expect(headers).toMatchObject({
          "content-type": "text/event-stream",
          "cache-control": "no-cache, no-transform",
          "x-accel-buffering": "no",
        });
        expect(headers).not.toHaveProperty("content-length");
      });

      it("sets connection headers on HTTP/1 and nowhere else", async () => {
        const [{ headers }] = await connect();
        const set = ["connection", "keep-alive", "transfer-encoding", "upgrade"].filter(
          (name) => name in headers,
        );
        expect(set.includes("transfer-encoding")).toBe(host.protocol === "HTTP/1.1");
        if (host.protocol !== "HTTP/1.1") expect(set).toEqual([]);
      });

      it("adds and replaces headers, except its type and what frames it", async () => {
        options.headers = [
          ["X-Added", "1"],
          ["Cache-Control", "no-store"],
          ["Content-Type", "text/plain"],
          ["Content-Length", "5"],
          ["Connection", "upgrade"],
          ["Transfer-Encoding", "gzip"],
          ["Set-Cookie", "a=1"],
          ["Set-Cookie", "b=2"],
        ];
        const [client, events] = await connect();
        expect(client.headers).toMatchObject({
          "x-added": "1",
          "cache-control": "no-store",
          "content-type": "text/event-stream",
        });
        expect(client.headers).not.toHaveProperty("content-length");
        expect(client.headers["connection"]).not.toBe("upgrade");
        expect([client.headers["set-cookie"]].flat().join(", ")).toContain("b=2");
        void events.send("longer than five bytes");
        await client.readUntil("longer than five bytes");
      });

      it("sends the reconnection time first, and once", async () => {
        options.reconnectionTime = 1234;
        const [client, events] = await connect();
        void events.send("x");
        await client.readUntil("data: x");
        expect(client.text).toBe("retry: 1234\n\ndata: x\n\n");
      });

      it("picks a reconnection time for each client out of a range", async () => {
        options.reconnectionTime = [1000, 1002];
        const times = new Set<string>();
        for (let tries = 0; tries < 200 && times.size < 3; tries++) {
          const [client] = await connect();
          await client.readChunk();
          times.add(client.text);
          client.abort();
        }
        expect([...times].sort()).toEqual([
          "retry: 1000\n\n",
          "retry: 1001\n\n",
          "retry: 1002\n\n",
        ]);
      });

      it("answers HEAD with the headers and no stream", async () => {
        const [client, events] = await connect({ method: "HEAD" });
        expect(client.status).toBe(200);
        expect(client.headers["content-type"]).toBe("text/event-stream");
        expect(await client.readAll()).toBe("");
        expect(events.closed).toBe(true);
        expect(await closes.take()).toMatchObject({ code: "closed", wasClean: true });
      });

      it("stays open when the request's body was consumed", async () => {
        handle = async (open, request) => {
          const events = open(options);
          void events.send(await request.readBody());
          endpoints.put(events);
        };
        const [client, events] = await connect({ method: "POST", body: "question" });
        await client.readUntil("data: question\n\n");
        // By now the request is over, as far as it is ever going to be.
        await new Promise((resolve) => setImmediate(resolve));
        void events.send("answer");
        await client.readUntil("data: answer\n\n");
        expect(events.closed).toBe(false);
      });
    });

    describe("wrong use", () => {
      it.each<[name: string, options: unknown]>([
        ["reconnectionTime", { reconnectionTime: -1 }],
        ["reconnectionTime", { reconnectionTime: 1.5 }],
        ["reconnectionTime", { reconnectionTime: "1000\ndata: x" }],
        ["reconnectionTime", { reconnectionTime: [2, 1] }],
        ["keepAlive", { keepAlive: -1 }],
        ["keepAlive", { keepAlive: "1000" }],
        ["highWaterMark", { highWaterMark: NaN }],
        ["maxBufferedAmount", { maxBufferedAmount: -1 }],
        ["stallTimeout", { stallTimeout: null }],
        ["maxDuration", { maxDuration: -5 }],
        ["serialize", { serialize: "JSON" }],
        ["closedClients", { closedClients: {} }],
        ["closedClients", { closedClients: null }],
        ["keepAlive", { keepAlive: NaN }],
        ["signal", { signal: {} }],
        ["signal", { signal: "x" }],
        ["signal", { signal: { aborted: false } }],
        ["headers", { headers: { "X-Forged": "a\r\nSet-Cookie: b" } }],
        ["closeEvent", { closeEvent: "bye\ndata: x" }],
      ])(
        "of option %s throws a TypeError that names it, before a byte is written",
        async (option, wrong) => {
          const thrown = new Inbox<unknown>("error");
          handle = (open) => {
            try {
              open(wrong as EventEndpointOptions);
            } catch (error) {
              thrown.put(error);
            }
            endpoints.put(open());
          };
          const [client, events] = await connect();
          const error = await thrown.take();
          expect(error).toBeInstanceOf(TypeError);
          expect(String(error)).toContain(`"${option}"`);
          // The request can still be answered, and nothing of the first attempt is in it.
          void events.send("x");
          await client.readUntil("data: x\n\n");
          expect(client.text).toBe(":\ndata: x\n\n");
        },
      );

      it("of options.headers throws before a byte is written", async () => {
        const thrown = new Inbox<unknown>("error");
        handle = (open) => {
          try {
            open({ headers: { "X-Fine": "1", "X-Forged": "a\r\nSet-Cookie: b" } });
          } catch (error) {
            thrown.put(error);
          }
          endpoints.put(open());
        };
        const [client] = await connect();
        expect(await thrown.take()).toBeInstanceOf(TypeError);
        expect(client.headers).not.toHaveProperty("x-fine");
      });

      it("of a method throws at once and writes nothing", async () => {
        const [client, events] = await connect();
        const wrong: Record<string, (() => unknown)[]> = {
          id: [
            () => events.send("x", "7\nevent: admin"),
            () => events.sendEvent("tick", "x", { id: "7\0" }),
            () =>
              events.dispatchEvent(new MessageEvent("tick", { data: "x", lastEventId: "7\r8" })),
            () => events.dispatchEvent(new ServerSentEvent("tick", { data: "x", id: " 7" })),
          ],
          event: [
            () => events.sendEvent("tick\ndata: forged", "x"),
            () => events.send("x", { event: "tick\r" }),
            () =>
              events.dispatchEvent(new CustomEvent("x", { detail: { data: "x", event: "a\nb" } })),
          ],
          retry: [
            () => events.send("x", { retry: 1.5 }),
            () => events.dispatchEvent(new ServerSentEvent("tick", { data: "x", retry: -1 })),
          ],
          data: [
            () => events.send(undefined),
            () => events.send(1n),
            () => events.dispatchMessage(() => 1),
            () => events.sendEvent("tick", Symbol("x")),
          ],
          comment: [() => events.dispatchComment(Symbol("x") as never)],
          reconnectionTime: [() => events.close({ reconnectionTime: 0.5 })],
          source: [() => events.pipe("text" as never), () => events.pipe(7 as never)],
          toMessage: [() => events.pipe([1], "x" as never)],
        };
        for (const [argument, calls] of Object.entries(wrong)) {
          for (const call of calls) {
            expect(call, String(call)).toThrow(TypeError);
            expect(call, String(call)).toThrow(`"${argument}"`);
          }
        }
        expect(events.closed).toBe(false);
        await events.close();
        expect(await client.readAll()).toBe(":\n");
      });
    });

    describe("sending", () => {
      it("brings every kind of event to the client", async () => {
        const [client, events] = await connect();
        expect(await events.send("text")).toBe(true);
        expect(await events.send({ a: 1 }, "1")).toBe(true);
        expect(await events.send(null, { id: "2", event: "nothing", retry: 5 })).toBe(true);
        expect(await events.sendEvent("tick", [1, 2], "3")).toBe(true);
        expect(events.dispatchMessage("a\nb")).toBe(true);
        expect(events.dispatchComment("note")).toBe(true);
        void events.close();
        expect(await client.readAll()).toBe(
          ':\ndata: text\n\nid: 1\ndata: {"a":1}\n\n' +
            "event: nothing\nid: 2\nretry: 5\ndata: null\n\nevent: tick\nid: 3\ndata: [1,2]\n\n" +
            "data: a\ndata: b\n\n: note\n",
        );
      });

      it("sends UTF-8, whole, whatever the characters", async () => {
        const [client, events] = await connect();
        const data = "é…日😀\u2028\ufeff" + "日".repeat(10_000);
        void events.send(data, "é…日");
        void events.send("lone \ud800 surrogate");
        void events.close();
        expect(await client.readAll()).toBe(
          `:\nid: é…日\ndata: ${data}\n\ndata: lone \ufffd surrogate\n\n`,
        );
      });

      it("sends what is sent in one turn as one write, also between promise callbacks", async () => {
        const [client, events] = await connect();
        await client.readUntil(":\n");
        for (let i = 0; i < 10; i++) void events.send(`a${i}`);
        for (let i = 0; i < 10; i++) await events.send(`b${i}`);
        await client.readUntil("data: b9\n\n");
        expect(client.chunks).toHaveLength(2);
      });

      it("uses the serializer for everything but strings", async () => {
        options.serialize = (data) => `<${String(data)}>`;
        const [client, events] = await connect();
        void events.send("text");
        void events.send(7);
        void events.close();
        expect(await client.readAll()).toBe(":\ndata: text\n\ndata: <7>\n\n");
      });

      it("splits what the serializer returns, like all data", async () => {
        options.serialize = () => "a\n\nevent: admin\rb";
        const [client, events] = await connect();
        void events.send({});
        void events.close();
        expect(await client.readAll()).toBe(":\ndata: a\ndata: \ndata: event: admin\ndata: b\n\n");
      });

      it("has one answer for all sends that need not wait", async () => {
        const [, events] = await connect();
        expect(events.send("a")).toBe(events.send("b"));
      });
    });

    describe("dispatching", () => {
      it("runs the local listeners first, and sends what none of them prevented", async () => {
        const [client, events] = await connect();
        const heard: string[] = [];
        events.addEventListener("tick", (event) => {
          heard.push(event.type);
          if ((event as MessageEvent).data === "no") event.preventDefault();
        });
        expect(
          events.dispatchEvent(new ServerSentEvent("tick", { data: "no", cancelable: true })),
        ).toBe(false);
        expect(events.dispatchEvent(new ServerSentEvent("tick", { data: "no" }))).toBe(true);
        expect(
          events.dispatchEvent(
            new ServerSentEvent("tick", { data: { a: 1 }, id: 0, cancelable: true }),
          ),
        ).toBe(true);
        void events.close();
        expect(await client.readAll()).toBe(
          ':\nevent: tick\ndata: no\n\nevent: tick\nid: 0\ndata: {"a":1}\n\n',
        );
        expect(heard).toEqual(["tick", "tick", "tick"]);
      });

      it("sends events that carry a message, by their shape, and keeps all others", async () => {
        const [client, events] = await connect();
        const foreign: Event = Object.assign(new Event("foreign"), { data: "f", lastEventId: "4" });
        const sent: Event[] = [
          new MessageEvent("message", { data: "a", lastEventId: "1" }),
          new MessageEvent("named", { data: { b: 2 } }),
          new ServerSentEvent("message", { data: "c", id: "", retry: 0 }),
          new ServerSentEvent("empty"),
          new CustomEvent("message", { detail: { data: "d", id: "2", retry: 7 } }),
          new CustomEvent("own", { detail: { data: "e" } }),
          new CustomEvent("own", { detail: { data: "e", event: "other", id: "3" } }),
          foreign,
        ];
        const kept: Event[] = [
          new Event("plain"),
          new CustomEvent("detail", { detail: { value: 1 } }),
          new CustomEvent("detail", { detail: "data" }),
          new CustomEvent("detail"),
          Object.assign(new Event("error"), { message: "x", error: new Error("x") }),
          Object.assign(new Event("close"), { code: 1000, reason: "x", wasClean: true }),
        ];
        for (const event of [...sent, ...kept]) expect(events.dispatchEvent(event)).toBe(true);
        expect(events.lastEventId).toBe("4");
        await events.close();
        expect(await client.readAll()).toBe(
          ':\nid: 1\ndata: a\n\nevent: named\ndata: {"b":2}\n\nid: \nretry: 0\ndata: c\n\n' +
            "event: empty\ndata: \n\nid: 2\nretry: 7\ndata: d\n\nevent: own\ndata: e\n\n" +
            "event: other\nid: 3\ndata: e\n\nevent: foreign\nid: 4\ndata: f\n\n",
        );
      });

      it("does not send an event whose listener closed the endpoint", async () => {
        const [client, events] = await connect();
        events.addEventListener("last", () => void events.close());
        expect(events.dispatchEvent(new MessageEvent("last", { data: "x" }))).toBe(false);
        expect(await client.readAll()).toBe(":\n");
      });
    });

    describe("the last event id", () => {
      it("is what the client brings, then what was sent", async () => {
        const [, events] = await connect({ headers: { "Last-Event-ID": "41" } });
        expect(events.lastEventId).toBe("41");
        void events.send("x");
        expect(events.lastEventId).toBe("41");
        void events.send("x", "42");
        expect(events.lastEventId).toBe("42");
        void events.send("x", { id: 0 });
        expect(events.lastEventId).toBe("0");
        void events.send("x", "");
        expect(events.lastEventId).toBe("");
      });

      it("is empty for a client that brings none", async () => {
        const [, events] = await connect();
        expect(events.lastEventId).toBe("");
      });

      it("is read from the query, for clients that cannot send headers, unless turned off", async () => {
        expect((await connect({ path: "/?lastEventId=41" }))[1].lastEventId).toBe("41");
        options.lastEventIdParams = false;
        expect((await connect({ path: "/?lastEventId=41" }))[1].lastEventId).toBe("");
      });

      it("is UTF-8 whatever the runtime made of it", async () => {
        const headers = { "Last-Event-ID": Buffer.from("é…日").toString("latin1") };
        expect((await connect({ headers }))[1].lastEventId).toBe("é…日");
      });
    });

    describe("closing", () => {
      it("ends the stream after what was sent, and tells it once", async () => {
        const [client, events] = await connect();
        void events.send("last");
        const closed = events.close({ reason: "enough" });
        expect(events.closed).toBe(true);
        expect(events.signal.aborted).toBe(true);
        expect(await client.readAll()).toBe(":\ndata: last\n\n");
        await within(closed, "end of close()");
        expect(await closes.take()).toMatchObject({
          type: "close",
          code: "closed",
          reason: "enough",
          wasClean: true,
        });
        await within(events.close(true), "end of a second close()");
        await within(events[Symbol.asyncDispose](), "end of a third close()");
        client.abort();
        expect(closes.size).toBe(0);
      });

      it("leaves methods that do nothing and say so", async () => {
        const [client, events] = await connect();
        await Promise.all([events.close(), client.readAll()]);
        expect(await events.send("x", "7")).toBe(false);
        expect(await events.sendEvent("tick", "x")).toBe(false);
        expect(events.dispatchMessage("x")).toBe(false);
        expect(events.dispatchComment("x")).toBe(false);
        expect(events.dispatchEvent(new MessageEvent("message", { data: "x" }))).toBe(false);
        expect(await events.send(undefined)).toBe(false);
        expect(events.lastEventId).toBe("");
        let returned = 0;
        await events.pipe({
          [Symbol.asyncIterator]: () => ({
            next: () => Promise.reject(new Error("must not be asked")),
            return: async () => ({ done: true, value: ++returned }),
          }),
        });
        expect(returned).toBe(1);
        expect(events.bufferedAmount).toBe(0);
        expect(client.text).toBe(":\n");
      });

      it("can set the time after which the client comes back", async () => {
        const [client, events] = await connect();
        void events.close({ reconnectionTime: 777 });
        expect(await client.readAll()).toBe(":\nretry: 777\n\n");
      });

      it("is what await using does", async () => {
        const [client, events] = await connect();
        await events[Symbol.asyncDispose]();
        expect(await client.readAll()).toBe(":\n");
        expect(await closes.take()).toMatchObject({ code: "closed" });
      });

      it("is heard by whoever held the signal", async () => {
        const [client, events] = await connect();
        const { signal } = events;
        expect(signal.aborted).toBe(false);
        const aborted = once(signal, "abort");
        void events.close();
        await within(aborted, "abort event");
        await client.readAll();
      });
    });

    describe("telling a client to stop for good", () => {
      it("sends a named last event whose id is refused from then on, with nothing stored", async () => {
        options.headers = { "Access-Control-Allow-Origin": "*", "X-Own": "1" };
        const [client, events] = await connect();
        void events.send("bye");
        void events.close(true);
        const text = await client.readAll();
        const id = /^:\ndata: bye\n\nevent: close\nid: ([!-~]{1,64})\ndata: \n\n$/.exec(text)?.[1];
        expect(id, text).toBeDefined();
        expect(await closes.take()).toMatchObject({ code: "no-reconnect", wasClean: true });
        expect(events.lastEventId).toBe("");

        options.closedClients = new MemoryClosedClients();
        for (let retry = 1; retry <= 10; retry++) {
          const [again, refused] = await connect({ headers: { "Last-Event-ID": id! } });
          expect(again.status).toBe(204);
          expect(again.headers).toMatchObject({ "access-control-allow-origin": "*", "x-own": "1" });
          for (const name of [
            "content-type",
            "cache-control",
            "x-accel-buffering",
            "transfer-encoding",
          ]) {
            expect(again.headers).not.toHaveProperty(name);
          }
          expect(await again.readAll()).toBe("");
          expect(refused.closed).toBe(true);
          expect(refused.lastEventId).toBe("");
          expect(await refused.send("x")).toBe(false);
          expect(await closes.take()).toMatchObject({ code: "refused", wasClean: true });
        }
      });

      it("also refuses the application's own last id, for clients that missed the last event", async () => {
        const [client, events] = await connect({ headers: { "Last-Event-ID": "41" } });
        void events.send("x", "42");
        void events.close({ noReconnect: true, reconnectionTime: 9 });
        expect(await client.readAll()).toContain("retry: 9\n");
        for (let retry = 1; retry <= 10; retry++) {
          const [again, refused] = await connect({ headers: { "Last-Event-ID": "42" } });
          expect(again.status).toBe(204);
          expect(refused.lastEventId).toBe("42");
        }
        expect((await connect({ headers: { "Last-Event-ID": "41" } }))[0].status).toBe(200);
      });

      it("refuses the id that a client brought, if none was sent since", async () => {
        const [, events] = await connect({ headers: { "Last-Event-ID": "41" } });
        void events.close(true);
        expect((await connect({ headers: { "Last-Event-ID": "41" } }))[0].status).toBe(204);
      });

      it("keeps to its scope", async () => {
        options.closedClientsScope = "ann";
        const [, events] = await connect({ headers: { "Last-Event-ID": "41" } });
        void events.close(true);
        options = { ...options, closedClientsScope: "bob" };
        expect((await connect({ headers: { "Last-Event-ID": "41" } }))[0].status).toBe(200);
        options = { ...options, closedClientsScope: "ann" };
        expect((await connect({ headers: { "Last-Event-ID": "41" } }))[0].status).toBe(204);
      });

      it("can call its last event by another name", async () => {
        options.closeEvent = "done";
        const [client, events] = await connect();
        void events.close(true);
        expect(await client.readAll()).toContain("event: done\nid: ");
      });

      it("is not what close() does, nor an empty id", async () => {
        const [, events] = await connect({ headers: { "Last-Event-ID": "41" } });
        void events.close();
        expect((await connect({ headers: { "Last-Event-ID": "41" } }))[0].status).toBe(200);
        const [, second] = await connect();
        void second.close(true);
        expect((await connect())[0].status).toBe(200);
      });

      it("answers a HEAD request of a closed client with 204, too", async () => {
        const [, events] = await connect({ headers: { "Last-Event-ID": "41" } });
        void events.close(true);
        const init = { method: "HEAD", headers: { "Last-Event-ID": "41" } };
        expect((await connect(init))[0].status).toBe(204);
      });
    });

    describe("other ends", () => {
      it("a client that leaves closes it once, whatever is called meanwhile", async () => {
        const [client, events] = await connect();
        await client.readUntil(":\n");
        const { signal } = events;
        client.abort();
        expect(await closes.take()).toMatchObject({
          code: "client-left",
          reason: "",
          wasClean: true,
        });
        expect(events.closed).toBe(true);
        expect(signal.aborted).toBe(true);
        expect(await events.send("x")).toBe(false);
        await within(events.close(true), "end of close()");
        expect(closes.size).toBe(0);
      });

      it("a client that leaves with events on the way did not get a clean close", async () => {
        options.maxBufferedAmount = Infinity;
        const [client, events] = await connect();
        await client.readUntil(":\n");
        const { waits } = await fill(events);
        client.abort();
        expect(await closes.take()).toMatchObject({ code: "client-left", wasClean: false });
        expect(await within(waits, "answer of send()")).toBe(false);
      });

      it("a signal that is aborted", async () => {
        const controller = new AbortController();
        options.signal = controller.signal;
        const [client, events] = await connect();
        void events.send("x");
        controller.abort();
        expect(events.closed).toBe(true);
        expect(await client.readAll()).toBe(":\ndata: x\n\n");
        expect(await closes.take()).toMatchObject({ code: "aborted", wasClean: true });
      });

      it("a signal that was aborted before", async () => {
        options.signal = AbortSignal.abort();
        const [client, events] = await connect();
        expect(events.closed).toBe(true);
        expect(await client.readAll()).toBe(":\n");
        expect(await closes.take()).toMatchObject({ code: "aborted" });
      });

      it("the end of its time, cleanly", async () => {
        options.maxDuration = 40;
        const [client] = await connect();
        expect(await client.readAll()).toBe(":\n");
        expect(await closes.take()).toMatchObject({ code: "max-duration", wasClean: true });
      });
    });

    describe("while nothing happens", () => {
      it("a comment without a blank line keeps the connection alive, again and again", async () => {
        options.keepAlive = 20;
        const [client] = await connect();
        await client.readUntil(":\n:\n:\n:\n");
        expect(client.text).toMatch(/^(:\n)+$/);
      });
    });

    describe("a client that reads slowly", () => {
      it("makes send() wait until it has caught up, and loses nothing", async () => {
        options.maxBufferedAmount = Infinity;
        const [client, events] = await connect();
        await client.readUntil(":\n");
        const { waits, blocks } = await fill(events);
        const rest = client.readAll();
        expect(await within(waits, "drain")).toBe(true);
        expect(events.bufferedAmount).toBeLessThanOrEqual(65_536);
        await within(events.close(), "end of close()");
        const text = await rest;
        expect(text.length).toBe(":\n".length + blocks * 65_536);
      });

      it("is closed when it lets more than the limit pile up, and holds no more than a frame above it", async () => {
        options.maxBufferedAmount = 200_000;
        const [, events] = await connect();
        let most = 0;
        for (let sent = 0; sent < 10_000 && !events.closed; sent++) {
          void events.send(block);
          most = Math.max(most, events.bufferedAmount);
          await new Promise((resolve) => setImmediate(resolve));
        }
        expect(events.closed).toBe(true);
        expect(await closes.take()).toMatchObject({ code: "slow-client", wasClean: false });
        // Chunked coding adds a few bytes to each frame.
        expect(most).toBeLessThanOrEqual(200_000 + 65_536 + 100);
        expect(await events.send("x")).toBe(false);
      });

      it("is closed when it takes nothing for too long", async () => {
        options.stallTimeout = 60;
        options.maxBufferedAmount = Infinity;
        const [, events] = await connect();
        const sent = events.send("x".repeat(32 << 20));
        expect(await closes.take()).toMatchObject({ code: "slow-client", wasClean: false });
        expect(await within(sent, "answer of send()")).toBe(false);
      });

      it("is not closed by one event above the limit, nor by a small one behind it", async () => {
        const [client, events] = await connect();
        const big = "x".repeat(8 << 20);
        void events.send(big);
        void events.send("small");
        void events.close();
        expect((await client.readAll()).length).toBe(`:\ndata: ${big}\n\ndata: small\n\n`.length);
        expect(await closes.take()).toMatchObject({ code: "closed", wasClean: true });
      });
    });
  });
}
