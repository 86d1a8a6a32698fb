import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import { type AddressInfo, Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { type CloseEvent, EventEndpoint } from "../../../src/index.ts";
import { Inbox, within } from "../../support/inbox.ts";
import { watchProcess } from "../../support/process-watch.ts";
import { RawClient } from "../../support/raw.ts";

type Handle = (req: http.IncomingMessage, res: http.ServerResponse) => void;

type SetHead = (
  this: http.ServerResponse,
  status: number,
  headers?: Record<string, string>,
) => http.ServerResponse;

const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

describe("an endpoint over (req, res) of node:http", () => {
  let server: http.Server;
  let handle: Handle;
  let clients: RawClient[];

  beforeEach(async () => {
    clients = [];
    server = http.createServer((req, res) => handle(req, res));
    await once(server.listen(0, "127.0.0.1"), "listening");
  });
  afterEach(() => {
    for (const { socket } of clients) socket.destroy();
    server.close();
    server.closeAllConnections();
  });

  async function connect(request = GET): Promise<RawClient> {
    const client = await RawClient.connect(server, request);
    clients.push(client);
    return client;
  }

  describe("speaks the protocol of its client:", () => {
    it("HTTP/1.1 gets chunks, one for each write, and a connection that stays", async () => {
      handle = (req, res) => {
        const events = new EventEndpoint(req, res);
        void events.send("é");
        if (req.url === "/2") void events.close();
      };
      const client = await connect();
      await client.readUntil("\r\n\r\n2\r\n:\n\r\n");
      expect(client.head).toContain("connection: keep-alive");
      expect(client.head).toContain("transfer-encoding: chunked");
      await client.readUntil(`a\r\ndata: ${Buffer.from("é").toString("latin1")}\n\n\r\n`);
    });

    it("the connection serves the next request after the stream has ended", async () => {
      handle = (req, res) => {
        const events = new EventEndpoint(req, res);
        void events.send(req.url);
        void events.close();
      };
      const client = await connect();
      await client.readUntil("data: /\n\n\r\n0\r\n\r\n");
      client.socket.write("GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
      await client.readUntil("data: /next\n\n\r\n0\r\n\r\n");
    });

    it("HTTP/1.1 that asked to close gets chunks, and then the end", async () => {
      handle = (req, res) => {
        const events = new EventEndpoint(req, res);
        void events.send("x");
        void events.close();
      };
      const client = await connect("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      await client.readToEnd();
      expect(client.head).toContain("connection: close");
      expect(client.text).toMatch(/data: x\n\n\r\n0\r\n\r\n$/);
    });

    it("HTTP/1.0 gets the plain stream, and then the end", async () => {
      handle = (req, res) => {
        const events = new EventEndpoint(req, res);
        void events.send("x");
        void events.close();
      };
      const client = await connect("GET / HTTP/1.0\r\n\r\n");
      await client.readToEnd();
      expect(client.head).not.toContain("transfer-encoding");
      expect(client.text).toMatch(/\r\n\r\n:\ndata: x\n\n$/);
    });

    it("a failed source resets HTTP/1.0, where a plain end would look complete", async () => {
      const failure = new Inbox<Error>("failure");
      handle = (req, res) => {
        void new EventEndpoint(req, res).pipe(
          (async function* () {
            yield "x";
            throw await failure.take();
          })(),
        );
      };
      const client = await connect("GET / HTTP/1.0\r\n\r\n");
      await client.readUntil("data: x\n\n");
      const error = once(client.socket, "error").then(([cause]) => String(cause));
      failure.put(new Error("no"));
      expect(await within(error, "reset")).toContain("ECONNRESET");
    });

    it("pipelined requests are answered one after the other", async () => {
      handle = (req, res) => {
        const events = new EventEndpoint(req, res);
        void events.send(`${req.url} ${"x".repeat(100)}`);
        // The second ends before the first.
        if (req.url === "/2") void events.close();
        else setImmediate(() => void events.close());
      };
      const client = await connect(
        "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
      );
      await client.readUntil("data: /2");
      await client.readUntil("0\r\n\r\n");
      const parts = client.text.split("HTTP/1.1 200 OK\r\n");
      expect(parts).toHaveLength(3);
      expect(parts[1]).toMatch(/data: \/1 x+\n\n\r\n0\r\n\r\n$/);
      expect(parts[2]).toMatch(/data: \/2 x+\n\n\r\n0\r\n\r\n$/);
    });
  });

  describe("answers with what is on the response already:", () => {
    it("headers survive, with those of options, and a length of another answer does not", async () => {
      handle = (req, res) => {
        res.setHeader("Access-Control-Allow-Origin", "*");
        res.setHeader("Cache-Control", "private");
        res.setHeader("Set-Cookie", "a=1");
        res.setHeader("Content-Type", "text/html");
        res.setHeader("Content-Length", "5");
        res.setHeader("X-Replaced", "1");
        const headers = [
          ["Set-Cookie", "b=2"],
          ["Set-Cookie", "c=3"],
          ["X-Replaced", "2"],
        ] as [string, string][];
        new EventEndpoint(req, res, { headers });
      };
      const client = await connect();
      await client.readUntil(":\n");
      const lines = client.head.split("\r\n");
      for (const line of [
        "access-control-allow-origin: *",
        "cache-control: private",
        "set-cookie: a=1",
        "set-cookie: b=2",
        "set-cookie: c=3",
        "content-type: text/event-stream",
        "x-replaced: 2",
      ]) {
        expect(lines).toContain(line);
      }
      expect(client.head).not.toContain("content-length");
    });

    it.each([
      [
        "a class of its own",
        (res: http.ServerResponse, sets: SetHead) => {
          class Response extends http.ServerResponse {}
          Object.assign(Response.prototype, { writeHead: sets });
          Object.setPrototypeOf(res, Response.prototype);
        },
      ],
      [
        "Node's class, patched",
        (_res: http.ServerResponse, sets: SetHead) => {
          const { prototype } = http.ServerResponse;
          const { writeHead } = prototype;
          onTestFinished(() => void Object.assign(prototype, { writeHead }));
          Object.assign(prototype, { writeHead: sets });
        },
      ],
    ])("what %s does with the head is done with all of it", async (_, wrap) => {
      const { writeHead } = http.ServerResponse.prototype;
      // As much middleware does it, which knows headers as an object only.
      const sets: SetHead = function (status, headers = {}) {
        for (const [name, value] of Object.entries(headers)) this.setHeader(name, value);
        this.setHeader("X-Seen", String(this.getHeader("content-type")));
        return writeHead.call(this, status);
      };
      handle = (req, res) => {
        wrap(res, sets);
        new EventEndpoint(req, res);
      };
      const client = await connect();
      await client.readUntil(":\n");
      const lines = client.head.split("\r\n");
      expect(lines).toContain("content-type: text/event-stream");
      expect(lines).toContain("x-seen: text/event-stream");
    });

    it("they survive a 204, too", async () => {
      const closedClients = { has: () => true, add: () => {} };
      handle = (req, res) => {
        res.setHeader("Access-Control-Allow-Origin", "*");
        new EventEndpoint(req, res, { closedClients });
      };
      const client = await connect("GET / HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 7\r\n\r\n");
      await client.readUntil("\r\n\r\n");
      expect(client.head).toMatch(/^http\/1.1 204 no content\r\n/);
      expect(client.head).toContain("access-control-allow-origin: *");
      expect(client.head).not.toMatch(/content-type|transfer-encoding|content-length/);
    });
  });

  describe("refuses", () => {
    it.each<[name: string, call: (req: any, res: any) => unknown, argument: string]>([
      ["a missing response", (req) => new EventEndpoint(req, undefined as any), "response"],
      [
        "a framework's reply instead of the response",
        (req, res) => new EventEndpoint(req, { raw: res } as any),
        "response",
      ],
      [
        "options in the place of the response",
        (req) => new EventEndpoint(req, { keepAlive: 1 }),
        "response",
      ],
      ["a missing request", (_req, res) => new EventEndpoint(undefined as any, res), "request"],
      ["something else as request", (_req, res) => new EventEndpoint("GET" as any, res), "request"],
    ])("%s, and leaves the request to be answered", async (_name, call, argument) => {
      handle = (req, res) => {
        expect(() => call(req, res)).toThrow(TypeError);
        expect(() => call(req, res)).toThrow(`"${argument}"`);
        res.end("fine");
      };
      const client = await connect();
      await client.readUntil("fine");
    });

    it("a response that was answered already", async () => {
      handle = (req, res) => {
        res.flushHeaders();
        expect(() => new EventEndpoint(req, res)).toThrow('"response"');
        expect(() => new EventEndpoint(req, res)).toThrow(TypeError);
        res.end("fine");
      };
      const client = await connect();
      await client.readUntil("fine");
    });
  });

  it("is closed from the start when the client left before it was made", async () => {
    const closes = new Inbox<CloseEvent>("close event");
    handle = (req, res) => {
      res.on("close", () => {
        const events = new EventEndpoint(req, res);
        expect(events.closed).toBe(true);
        events.addEventListener("close", (event) => closes.put(event));
      });
      clients[0]!.socket.destroy();
    };
    await connect();
    expect(await closes.take()).toMatchObject({ code: "client-left", wasClean: true });
  });

  it("writes one packet's worth for a turn, with the head in the first", async () => {
    const written: string[] = [];
    handle = (req, res) => {
      const write = vi.spyOn(Socket.prototype, "write");
      write.mockImplementation(function (this: Socket, ...args) {
        written.push(String(args[0]));
        write.mockRestore();
        return this.write(...args);
      });
      const events = new EventEndpoint(req, res);
      write.mockRestore();
      for (let i = 0; i < 100; i++) void events.send(`${i}`);
    };
    const client = await connect();
    await client.readUntil("data: 99\n\n");
    // Size, event by event, of the one chunk that they are in.
    const size = Array.from({ length: 100 }, (_, i) => `data: ${i}\n\n`).join("").length;
    expect(client.text).toContain(`\r\n${size.toString(16)}\r\ndata: 0\n\ndata: 1\n\n`);
  });

  describe("when something wraps the response,", () => {
    it("everything goes through its write, and is flushed", async () => {
      const calls: string[] = [];
      handle = (req, res) => {
        const write = res.write.bind(res) as (...args: unknown[]) => boolean;
        Object.assign(res, {
          write: (...args: unknown[]) => {
            calls.push(`write ${String(args[0])}`);
            return write(...args);
          },
          flush: () => calls.push("flush"),
        });
        const events = new EventEndpoint(req, res, { keepAlive: 20 });
        void events.send("x");
      };
      const client = await connect();
      await client.readUntil("data: x\n\n\r\n2\r\n:\n\r\n");
      expect(calls.slice(0, 6)).toEqual([
        "write :\n",
        "flush",
        "write data: x\n\n",
        "flush",
        "write :\n",
        "flush",
      ]);
    });

    it("also when it wraps the class, or comes later", async () => {
      const seen: string[] = [];
      const endpoints = new Inbox<[EventEndpoint<http.IncomingMessage>, http.ServerResponse]>(
        "endpoint",
      );
      handle = (req, res) => endpoints.put([new EventEndpoint(req, res), res]);
      const original = http.OutgoingMessage.prototype.write;
      http.OutgoingMessage.prototype.write = function (
        this: http.OutgoingMessage,
        ...args: unknown[]
      ) {
        seen.push(String(args[0]));
        return (original as (...args: unknown[]) => boolean).apply(this, args);
      } as typeof original;
      try {
        const client = await connect();
        const [events] = await endpoints.take();
        void events.send("through the class");
        await client.readUntil("through the class");
        expect(seen).toEqual([":\n", "data: through the class\n\n"]);
      } finally {
        http.OutgoingMessage.prototype.write = original;
      }

      const client = await connect();
      const [events, res] = await endpoints.take();
      void events.send("first");
      await client.readUntil("first");
      seen.length = 0;
      res.write = ((...args: unknown[]) => {
        seen.push(String(args[0]));
        return (original as (...args: unknown[]) => boolean).apply(res, args);
      }) as typeof res.write;
      void events.send("second");
      await client.readUntil("second");
      expect(seen).toEqual(["data: second\n\n"]);
    });

    it("what waits in a corked response goes first", async () => {
      handle = (req, res) => {
        const events = new EventEndpoint(req, res);
        res.cork();
        res.write("data: corked\n\n");
        void events.send("x");
        setImmediate(() => res.uncork());
      };
      const client = await connect();
      await client.readUntil("data: x");
      expect(client.text.indexOf("corked")).toBeLessThan(client.text.indexOf("data: x"));
    });
  });

  describe("when what wraps the response", () => {
    const endpoints = new Inbox<[EventEndpoint<http.IncomingMessage>, http.ServerResponse]>(
      "endpoint",
    );
    const wrap = (write: (...args: unknown[]) => unknown, options = {}) => {
      handle = (req, res) => {
        res.write = write as typeof res.write;
        endpoints.put([new EventEndpoint(req, res, options), res]);
      };
    };

    it("says that it is full, that counts as waiting until it has drained", async () => {
      wrap(() => false, { maxBufferedAmount: 1000 });
      await connect();
      const [events, res] = await endpoints.take();
      const sent = events.send("x".repeat(70_000));
      await new Promise((resolve) => setImmediate(resolve));
      expect(events.bufferedAmount).toBeGreaterThan(70_000);
      res.emit("drain");
      expect(await within(sent, "answer of send()")).toBe(true);
      expect(events.bufferedAmount).toBe(0);
      for (let i = 0; i < 5 && !events.closed; i++) {
        void events.send("x".repeat(900));
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(events.closed).toBe(true);
    });

    it("says nothing, that counts as taken", async () => {
      wrap(() => undefined);
      await connect();
      const [events] = await endpoints.take();
      expect(await within(events.send("x".repeat(1_000_000)), "answer of send()")).toBe(true);
    });

    it("throws, that ends its own stream and no other", async () => {
      handle = (req, res) => endpoints.put([new EventEndpoint(req, res), res]);
      const [healthy] = [await connect(), await connect()];
      const [[first], [second, res]] = [await endpoints.take(), await endpoints.take()];
      const closes = new Inbox<CloseEvent>("close event");
      second.addEventListener("close", (event) => closes.put(event));
      res.write = () => {
        throw new Error("harm");
      };
      void second.send("lost");
      void first.send("kept");
      await healthy.readUntil("data: kept\n\n");
      expect(await closes.take()).toMatchObject({ code: "client-left", wasClean: false });
    });

    it("throws at the end, that is thrown at nobody, least of all a timer of all streams", async () => {
      const closes = new Inbox<CloseEvent>("close event");
      const options = { maxDuration: 20 };
      handle = (req, res) => {
        res.end = () => {
          throw new Error("harm");
        };
        const events = new EventEndpoint(req, res, req.url === "/timer" ? options : {});
        events.addEventListener("close", (event) => closes.put(event));
        if (req.url !== "/timer") expect(() => events.close()).not.toThrow();
      };
      const watch = watchProcess();
      onTestFinished(() => watch.stop());
      await connect("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
      expect(await closes.take()).toMatchObject({ code: "closed", wasClean: true });
      await connect("GET /timer HTTP/1.1\r\nHost: x\r\n\r\n");
      expect(await closes.take()).toMatchObject({ code: "max-duration", wasClean: true });
      expect(watch.uncaught).toEqual([]);
    });
  });

  it("adds nothing to a response that somebody else has ended, whatever still waits in it", async () => {
    const closes = new Inbox<CloseEvent>("close event");
    handle = (req, res) => {
      const events = new EventEndpoint(req, res, { maxBufferedAmount: Infinity });
      events.addEventListener("close", (event) => closes.put(event));
      void events.send("x".repeat(8_000_000));
      setImmediate(() => {
        res.end();
        expect(events.dispatchMessage("too late")).toBe(true);
      });
    };
    const client = await connect();
    await client.readUntil("\r\n0\r\n\r\n");
    expect(await closes.take()).toMatchObject({ wasClean: false });
    expect(client.text).toMatch(/\n\r\n0\r\n\r\n$/);
    expect(client.text).not.toContain("too late");
  });

  it("hears that the client left also while its answer waits for an earlier one", async () => {
    const closes = new Inbox<CloseEvent>("close event");
    const opened = new Inbox<string>("request");
    handle = (req, res) => {
      const events = new EventEndpoint(req, res, { stallTimeout: 100, keepAlive: 20 });
      opened.put(req.url!);
      if (req.url === "/2") events.addEventListener("close", (event) => closes.put(event));
    };
    const client = await connect(
      "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    await opened.take();
    await opened.take();
    // It waits for its turn, several times as long as a client may stall: no fault of this one.
    await client.readUntil("2\r\n:\n\r\n".repeat(15));
    expect(closes.size).toBe(0);
    client.socket.destroy();
    expect(await closes.take()).toMatchObject({ code: "client-left" });
  });

  describe("lets its server stop:", () => {
    const closeServer = () => new Promise<void>((resolve) => server.close(() => resolve()));

    it("when the streams are closed first", async () => {
      const endpoints = new Inbox<EventEndpoint<http.IncomingMessage>>("endpoint");
      handle = (req, res) => endpoints.put(new EventEndpoint(req, res));
      const client = await connect();
      const events = await endpoints.take();
      void events.close();
      await within(closeServer(), "end of server.close()");
      await client.readToEnd();
      expect(client.text).toMatch(/0\r\n\r\n$/);
    });

    it("when it stopped listening first", async () => {
      const endpoints = new Inbox<EventEndpoint<http.IncomingMessage>>("endpoint");
      handle = (req, res) => endpoints.put(new EventEndpoint(req, res));
      const client = await connect();
      const events = await endpoints.take();
      const closed = closeServer();
      void events.send("last");
      void events.close();
      await within(closed, "end of server.close()");
      await client.readToEnd();
      expect(client.text).toMatch(/data: last\n\n\r\n0\r\n\r\n$/);
    });
  });

  it("survives whatever happens to the response, without an uncaught error", async () => {
    const harm: ((res: http.ServerResponse) => unknown)[] = [
      (res) => res.end(),
      (res) => res.destroy(),
      (res) => res.destroy(new Error("harm")),
      (res) => res.socket!.destroy(new Error("harm")),
      (res) => res.socket!.resetAndDestroy(),
      (res) => res.emit("error", new Error("harm")),
      (res) => (res.end(), res.write("after the end")),
    ];
    for (const act of harm) {
      const closes = new Inbox<CloseEvent>("close event");
      handle = (req, res) => {
        const events = new EventEndpoint(req, res);
        events.addEventListener("close", (event) => closes.put(event));
        void events.send("x");
        act(res);
        void events.send("y");
        setImmediate(() => void events.send("z"));
      };
      await connect();
      expect(await closes.take(), String(act)).toMatchObject({ type: "close" });
      await new Promise((resolve) => setImmediate(resolve));
      expect(closes.size, String(act)).toBe(0);
    }
  });
});

describe("an endpoint over (req, res) of node:http2", () => {
  it("ends its session with the stream when the server stopped listening", async () => {
    const endpoints = new Inbox<EventEndpoint<http2.Http2ServerRequest>>("endpoint");
    const server = http2.createServer((req, res) => endpoints.put(new EventEndpoint(req, res)));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    session.request().resume();
    const events = await endpoints.take();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    void events.close();
    await within(closed, "end of server.close()");
    session.destroy();
    expect(events.closed).toBe(true);
  });

  it("survives a session that is gone before the end of the stream is", async () => {
    const uncaught = vi.fn();
    process.on("uncaughtException", uncaught);
    const endpoints = new Inbox<EventEndpoint<http2.Http2ServerRequest>>("endpoint");
    const server = http2.createServer((req, res) => endpoints.put(new EventEndpoint(req, res)));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    session.on("error", () => {});
    const stream = session.request();
    stream.on("error", () => {});
    await once(stream, "response");
    const events = await endpoints.take();
    // It is not read, so that the end waits for the client's window.
    void events.send("x".repeat(300_000));
    await new Promise((resolve) => setImmediate(resolve));
    const closed = events.close();
    session.destroy();
    await within(closed, "end of close()");
    await new Promise((resolve) => setImmediate(resolve));
    server.close();
    process.off("uncaughtException", uncaught);
    expect(uncaught).not.toHaveBeenCalled();
  });

  describe("when bytes wait", () => {
    /** A stream whose client reads when it is told to. */
    async function open(wrap: (res: http2.Http2ServerResponse) => void = () => {}) {
      const endpoints = new Inbox<[EventEndpoint, http2.Http2ServerResponse]>("endpoint");
      const server = http2.createServer((req, res) => {
        wrap(res);
        endpoints.put([new EventEndpoint(req, res), res]);
      });
      await once(server.listen(0, "127.0.0.1"), "listening");
      const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      onTestFinished(() => {
        session.destroy();
        server.close();
      });
      const stream = session.request().setEncoding("utf8");
      await once(stream, "response");
      const [events, res] = await endpoints.take();
      return { stream, events, res };
    }

    async function readAll(stream: http2.ClientHttp2Stream): Promise<string> {
      let text = "";
      stream.on("data", (chunk: string) => (text += chunk));
      await within(once(stream, "end"), "end of the stream");
      return text;
    }

    it("sees each piece leave, although a slow client takes them one by one", async () => {
      const { stream, events } = await open();
      const data = "é".repeat(200_000);
      void events.send(data);
      void events.send("behind it");
      void events.close();
      await new Promise((resolve) => setImmediate(resolve));
      const seen = new Set([events.bufferedAmount]);
      stream.on("data", () => seen.add(events.bufferedAmount));
      expect(await readAll(stream)).toBe(`:\ndata: ${data}\n\ndata: behind it\n\n`);
      // Not all of them, because a client in the same process is as fast as its server.
      expect(seen.size).toBeGreaterThan(10);
    });

    it("joins small events to as many bytes as a frame takes", async () => {
      const { stream, events, res } = await open();
      const sizes: number[] = [];
      void events.send("x".repeat(200_000));
      await new Promise((resolve) => setImmediate(resolve));
      const written = vi.spyOn(http2.Http2ServerResponse.prototype, "write");
      onTestFinished(() => written.mockRestore());
      for (let i = 0; i < 1_000; i++) {
        void events.send(`${i}`);
        await new Promise((resolve) => setImmediate(resolve));
      }
      void events.close();
      const text = await readAll(stream);
      for (const [chunk] of written.mock.calls) sizes.push((chunk as unknown as string).length);
      expect(text.endsWith("data: 998\n\ndata: 999\n\n")).toBe(true);
      expect(Math.max(...sizes)).toBe(16_384);
      expect(sizes.length).toBeLessThan(30);
      expect(res.writableEnded).toBe(true);
    });

    it("leaves it to what wraps the response, which need not call back", async () => {
      const { stream, events } = await open((res) => {
        const write = res.write.bind(res) as (chunk: unknown) => boolean;
        res.write = (chunk: unknown) => write(chunk);
      });
      void events.send("x".repeat(200_000));
      await new Promise((resolve) => setImmediate(resolve));
      void events.send("behind it");
      void events.close();
      expect(await readAll(stream)).toMatch(/^:\ndata: x{200000}\n\ndata: behind it\n\n$/);
    });

    it("keeps the order when something wraps the response meanwhile", async () => {
      const { stream, events, res } = await open();
      void events.send("x".repeat(200_000));
      await new Promise((resolve) => setImmediate(resolve));
      const write = res.write.bind(res) as (...args: unknown[]) => boolean;
      res.write = (...args: unknown[]) => write(...args);
      void events.send("behind it");
      void events.close();
      expect(await readAll(stream)).toMatch(/^:\ndata: x{200000}\n\ndata: behind it\n\n$/);
    });
  });

  it("warns of nothing and sets no connection-level header, whatever options say", async () => {
    const warned = vi.fn();
    process.on("warning", warned);
    const server = http2.createServer((req, res) => {
      new EventEndpoint(req, res, {
        headers: { Connection: "keep-alive", "Transfer-Encoding": "chunked" },
      });
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const stream = session.request();
    const [headers] = (await once(stream, "response")) as [Record<string, string>];
    await new Promise((resolve) => setImmediate(resolve));
    session.destroy();
    server.close();
    process.off("warning", warned);
    expect(headers[":status"]).toBe(200);
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(["connection"]));
    expect(headers).not.toHaveProperty("transfer-encoding");
    expect(warned).not.toHaveBeenCalled();
  });
});
