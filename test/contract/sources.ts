import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type CloseEvent,
  type ErrorStage,
  type EventEndpoint,
  type EventEndpointOptions,
  MemoryClosedClients,
  ServerSentEvent,
} from "../../src/index.ts";
import { Inbox, within } from "../support/inbox.ts";
import type { Exchange, Host, StartHost } from "./host.ts";

/** What `pipe()` does on every server. */
export function sourcesContract(name: string, start: StartHost): void {
  describe(`pipe() on ${name}`, () => {
    let host: Host;
    let endpoints: Inbox<EventEndpoint>;
    let closes: Inbox<CloseEvent>;
    let faults: { error: unknown; stage: ErrorStage }[];
    let options: EventEndpointOptions;

    beforeEach(async () => {
      const inboxes = {
        endpoints: new Inbox<EventEndpoint>("endpoint"),
        closes: new Inbox<CloseEvent>("close event"),
        faults: [] as typeof faults,
      };
      ({ endpoints, closes, faults } = inboxes);
      options = {
        closedClients: new MemoryClosedClients(),
        onError: (error, { stage }) => inboxes.faults.push({ error, stage }),
      };
      host = await start((open) => {
        const events = open(options);
        events.addEventListener("close", (event) => inboxes.closes.put(event));
        inboxes.endpoints.put(events);
      });
    });
    afterEach(async () => {
      await host.close();
      for (const inbox of [endpoints, closes]) inbox.clear();
      // Stacks hold who threw.
      faults.length = 0;
    });

    async function connect(headers = {}): Promise<[Exchange, EventEndpoint]> {
      const client = await within(host.request({ headers }), "answer");
      return [client, await endpoints.take()];
    }

    /** What the client got before it was told not to come back. */
    async function readBeforeGoodbye(client: Exchange): Promise<string> {
      const text = await client.readAll();
      const goodbye = /event: close\nid: evt-closed\S+\ndata: \n\n$/;
      expect(text).toMatch(goodbye);
      return text.replace(goodbye, "");
    }

    /** An async iterable that is asked by hand. */
    function manualSource() {
      const source = {
        returns: 0,
        asked: new Inbox<PromiseWithResolvers<IteratorResult<unknown>>>("question for an item"),
        [Symbol.asyncIterator]: () => ({
          next: () => {
            const answer = withResolvers<IteratorResult<unknown>>();
            source.asked.put(answer);
            return answer.promise;
          },
          return: async () => {
            source.returns++;
            return { done: true, value: undefined };
          },
        }),
      };
      return source;
    }

    it("sends the items of every kind of source, and then tells the client not to come back", async () => {
      const sources: Record<string, Parameters<EventEndpoint["pipe"]>[0]> = {
        array: ["a", { b: 1 }, 0, null],
        set: new Set(["a", { b: 1 }, 0, null]),
        promises: [Promise.resolve("a"), { b: 1 }, 0, null],
        generator: (function* () {
          yield* ["a", { b: 1 }, 0, null];
        })(),
        "async generator": (async function* () {
          yield* ["a", { b: 1 }, 0, null];
        })(),
        stream: new ReadableStream({
          start(controller) {
            for (const item of ["a", { b: 1 }, 0, null]) controller.enqueue(item);
            controller.close();
          },
        }),
      };
      for (const [kind, source] of Object.entries(sources)) {
        const [client, events] = await connect();
        const piped = events.pipe(source);
        expect(await readBeforeGoodbye(client), kind).toBe(
          ':\ndata: a\n\ndata: {"b":1}\n\ndata: 0\n\ndata: null\n\n',
        );
        await within(piped, "end of pipe()");
        expect(await closes.take(), kind).toMatchObject({ code: "source-ended", wasClean: true });
      }
    });

    it("sends events with their fields, and plain data that only looks like one as data", async () => {
      const [client, events] = await connect();
      const data = { type: "tick", data: 1, id: 2, lastEventId: "3", detail: { data: 4 } };
      void events.pipe([
        new ServerSentEvent("tick", { data: "a", id: "1" }),
        new MessageEvent("message", { data: "b", lastEventId: "2" }),
        new CustomEvent("message", { detail: { data: "c", event: "own", retry: 9 } }),
        data,
      ]);
      expect(await readBeforeGoodbye(client)).toBe(
        ":\nevent: tick\nid: 1\ndata: a\n\nid: 2\ndata: b\n\nevent: own\nretry: 9\ndata: c\n\n" +
          `data: ${JSON.stringify(data)}\n\n`,
      );
    });

    it("lets toMessage make a message, an event or nothing of an item", async () => {
      const [client, events] = await connect();
      void events.pipe([1, 2, 3, 4], (item) => {
        if (item === 1) return { data: item, event: "one", id: "1" };
        if (item === 2) return undefined;
        if (item === 3) return new ServerSentEvent("three", { data: item });
        return { data: "" };
      });
      expect(await readBeforeGoodbye(client)).toBe(
        ":\nevent: one\nid: 1\ndata: 1\n\nevent: three\ndata: 3\n\ndata: \n\n",
      );
    });

    it("can leave the stream open at the end of the source", async () => {
      const [client, events] = await connect();
      await within(events.pipe(["a"], null, { end: "keep-open" }), "end of pipe()");
      void events.send("b");
      await client.readUntil("data: b\n\n");
      expect(events.closed).toBe(false);
      expect(client.text).toBe(":\ndata: a\n\ndata: b\n\n");
    });

    it("has ended the stream when it ends itself: what is sent or closed then comes too late", async () => {
      const [client, events] = await connect();
      await within(events.pipe(["a"]), "end of pipe()");
      expect(await events.send("b")).toBe(false);
      void events.close();
      expect(await readBeforeGoodbye(client)).toBe(":\ndata: a\n\n");
      expect(await closes.take()).toMatchObject({ code: "source-ended" });
    });

    it("refuses nobody's id when a source ends, because such ids may repeat", async () => {
      const [client, events] = await connect({ "Last-Event-ID": "7" });
      void events.pipe([new ServerSentEvent("message", { data: "x", id: "8" })]);
      const id = /id: (evt-closed\S+)/.exec(await client.readAll())?.[1];
      for (const lastEventId of ["7", "8"]) {
        expect((await connect({ "Last-Event-ID": lastEventId }))[0].status).toBe(200);
      }
      expect((await connect({ "Last-Event-ID": id! }))[0].status).toBe(204);
    });

    it("sends the events of an EventTarget until the client leaves, and then lets go of it", async () => {
      const source = new CountingTarget();
      const [client, events] = await connect();
      const piped = events.pipe(source);
      source.dispatchEvent(new MessageEvent("message", { data: "a", lastEventId: "1" }));
      source.dispatchEvent(new CustomEvent("message", { detail: { data: "b", event: "own" } }));
      source.dispatchEvent(new MessageEvent("other", { data: "no" }));
      await client.readUntil("data: b\n\n");
      expect(client.text).toBe(":\nid: 1\ndata: a\n\nevent: own\ndata: b\n\n");
      expect(source.listeners).toBe(1);
      client.abort();
      await within(piped, "end of pipe()");
      expect(source.listeners).toBe(0);
    });

    it("sends the chosen types of an EventTarget", async () => {
      const source = new EventTarget();
      const [client, events] = await connect();
      void events.pipe(source, null, { types: ["tick", "tock"] });
      for (const type of ["tick", "message", "tock"]) {
        source.dispatchEvent(new MessageEvent(type, { data: "x" }));
      }
      void events.close();
      expect(await client.readAll()).toBe(":\nevent: tick\ndata: x\n\nevent: tock\ndata: x\n\n");
    });

    it("asks a source for no more than the client takes", async () => {
      const [client, events] = await connect();
      let asked = 0;
      const piped = events.pipe(
        (function* () {
          for (;;) yield `${asked++} ${"x".repeat(65_536)}`;
        })(),
      );
      // As long as the system takes something, more is asked for; at last, nothing is.
      for (let before = -1; before < asked;) {
        before = asked;
        for (let turns = 0; turns < 200; turns++)
          await new Promise((resolve) => setImmediate(resolve));
      }
      expect(asked).toBeLessThan(1000);
      expect(events.closed).toBe(false);
      expect(events.bufferedAmount).toBeLessThan(300_000);
      const before = asked;
      while (asked === before) await client.readChunk();
      client.abort();
      await within(piped, "end of pipe()");
    });

    it("lets the client leave a source that never makes anybody wait", async () => {
      const [client, events] = await connect();
      let returned = 0;
      const piped = events.pipe(
        (function* () {
          try {
            for (;;) yield "x";
          } finally {
            returned++;
          }
        })(),
      );
      await client.readUntil("data: x\n\n");
      client.abort();
      await within(piped, "end of pipe()");
      expect(returned).toBe(1);
    });

    it("tells a source once when the client leaves, also in the middle of a step", async () => {
      const [client, events] = await connect();
      const source = manualSource();
      const piped = events.pipe(source);
      const first = await source.asked.take();
      first.resolve({ done: false, value: "a" });
      await client.readUntil("data: a\n\n");
      const second = await source.asked.take();
      client.abort();
      await within(piped, "end of pipe()");
      expect(source.returns).toBe(1);
      // What comes too late is dropped, and asks for no more.
      second.resolve({ done: false, value: "b" });
      await new Promise((resolve) => setImmediate(resolve));
      expect(source.returns).toBe(1);
      expect(source.asked.size).toBe(0);
      expect(faults).toEqual([]);
    });

    it("cancels a ReadableStream once when the client leaves", async () => {
      const [client, events] = await connect();
      let cancels = 0;
      const piped = events.pipe(new ReadableStream({ cancel: () => void cancels++ }));
      await client.readUntil(":\n");
      client.abort();
      await within(piped, "end of pipe()");
      expect(cancels).toBe(1);
    });

    it("does not tell a source that came to its end by itself", async () => {
      const [client, events] = await connect();
      const source = manualSource();
      const piped = events.pipe(source);
      (await source.asked.take()).resolve({ done: true, value: undefined });
      await within(piped, "end of pipe()");
      await client.readAll();
      expect(source.returns).toBe(0);
    });

    describe("when the source fails", () => {
      const secret = new Error("secret");
      const failing: Record<string, () => Parameters<EventEndpoint["pipe"]>[0]> = {
        "by throwing": () =>
          (function* () {
            yield "a";
            throw secret;
          })(),
        "by rejecting": () =>
          (async function* () {
            yield "a";
            throw secret;
          })(),
        "with a promise among its items": () => ["a", Promise.reject(secret)],
        "as a stream": () =>
          new ReadableStream({
            pull(controller) {
              if (controller.desiredSize === 1 && !this.started) {
                this.started = true;
                controller.enqueue("a");
              } else controller.error(secret);
            },
          } as UnderlyingDefaultSource & { started?: boolean }),
      };

      it.each(Object.entries(failing))(
        "%s, the client can tell, and is told nothing",
        async (_name, create) => {
          const [client, events] = await connect();
          await within(events.pipe(create()), "end of pipe()");
          void events.close();
          await expect(client.readAll()).rejects.toThrow();
          expect(client.text).toBe(":\ndata: a\n\n");
          expect(faults).toEqual([{ error: secret, stage: "source" }]);
          expect(await closes.take()).toMatchObject({ code: "source-failed" });
        },
      );

      it("nobody is bothered if it was because the client left", async () => {
        const [client, events] = await connect();
        const { signal } = events;
        const piped = events.pipe(
          (async function* () {
            yield "a";
            await new Promise((_, reject) => {
              signal.addEventListener("abort", () => reject(signal.reason as Error));
            });
          })(),
        );
        await client.readUntil("data: a\n\n");
        client.abort();
        await within(piped, "end of pipe()");
        await new Promise((resolve) => setImmediate(resolve));
        expect(faults).toEqual([]);
        expect(await closes.take()).toMatchObject({ code: "client-left" });
      });
    });

    describe("when an item cannot be sent", () => {
      const circle: { self?: unknown } = {};
      circle.self = circle;
      it.each<[name: string, item: unknown, toMessage?: (item: unknown) => never]>([
        ["because it cannot be serialized", circle],
        ["because its id is invalid", new ServerSentEvent("x", { data: "x", id: "7\n" })],
        [
          "because toMessage throws",
          "x",
          () => {
            throw new TypeError("no");
          },
        ],
        ["because toMessage makes nothing usable of it", "x", () => "x" as never],
      ])("%s, the stream is broken off and the source told", async (_name, item, toMessage) => {
        const [client, events] = await connect();
        const source = manualSource();
        const piped = events.pipe(source, toMessage);
        (await source.asked.take()).resolve({ done: false, value: item });
        await within(piped, "end of pipe()");
        await expect(client.readAll()).rejects.toThrow();
        expect(faults).toEqual([{ error: expect.any(TypeError) as TypeError, stage: "message" }]);
        expect(source.returns).toBe(1);
        expect(await closes.take()).toMatchObject({ code: "source-failed" });
      });

      it("because it is a promise that fails, the source is told, too, which knows nothing of it", async () => {
        const [client, events] = await connect();
        let isLeft = false;
        const source = function* () {
          try {
            yield Promise.reject(new Error("no"));
          } finally {
            isLeft = true;
          }
        };
        await within(events.pipe(source()), "end of pipe()");
        await expect(client.readAll()).rejects.toThrow();
        expect(isLeft).toBe(true);
        expect(faults).toMatchObject([{ error: { message: "no" }, stage: "source" }]);
      });

      it("from an EventTarget, too, and it is let go", async () => {
        const source = new CountingTarget();
        const [client, events] = await connect();
        const piped = events.pipe(source);
        source.dispatchEvent(new MessageEvent("message", { data: circle }));
        await within(piped, "end of pipe()");
        await expect(client.readAll()).rejects.toThrow();
        expect(source.listeners).toBe(0);
        expect(faults).toHaveLength(1);
      });
    });
  });
}

/** An EventTarget that knows how many listeners it has. */
class CountingTarget extends EventTarget {
  listeners = 0;

  override addEventListener(...args: Parameters<EventTarget["addEventListener"]>): void {
    this.listeners++;
    super.addEventListener(...args);
  }

  override removeEventListener(...args: Parameters<EventTarget["removeEventListener"]>): void {
    this.listeners--;
    super.removeEventListener(...args);
  }
}

interface PromiseWithResolvers<T> {
  promise: Promise<T>;
  resolve(value: T): void;
}

function withResolvers<T>(): PromiseWithResolvers<T> {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}
