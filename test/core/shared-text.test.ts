import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { bytesOf, joinTexts, SharedText } from "../../src/core/shared-text.ts";
import { EventChannel, EventEndpoint } from "../../src/index.ts";
import { Exchange } from "../contract/host.ts";
import { within } from "../support/inbox.ts";

describe("text that many get", () => {
  it("is what it was made of, and as long", () => {
    const text = new SharedText("data: é日\ud83d\ude00\n\n");
    expect(text.toString()).toBe("data: é日\ud83d\ude00\n\n");
    expect(text.length).toBe(12);
    expect(new SharedText("").length).toBe(0);
  });

  it("has each of its forms made once", () => {
    const text = new SharedText("abc");
    const toUpper = vi.fn((each: string) => ({ upper: each.toUpperCase() }));
    const toLength = vi.fn((each: string) => each.length);
    const first = text.as(toUpper);
    expect(first).toEqual({ upper: "ABC" });
    expect(text.as(toUpper)).toBe(first);
    expect([text.as(toLength), text.as(toLength)]).toEqual([3, 3]);
    expect([toUpper.mock.calls, toLength.mock.calls]).toEqual([[["abc"]], [["abc"]]]);
    expect(bytesOf(text)).toBe(bytesOf(text));
    expect([...bytesOf(text)]).toEqual([97, 98, 99]);
  });

  it("has forms that are empty made once, too", () => {
    const makeEmpty = vi.fn(() => 0);
    const text = new SharedText("");
    text.as(makeEmpty);
    text.as(makeEmpty);
    expect(makeEmpty).toHaveBeenCalledTimes(1);
  });

  it("is the same sum for all who get the same texts in one turn", () => {
    const [a, b, c] = ["a", "b", "c"].map((each) => new SharedText(each)) as [
      SharedText,
      SharedText,
      SharedText,
    ];
    const sums = [1, 2, 3].map(() => joinTexts(joinTexts(a, b), c));
    expect(sums.map(String)).toEqual(["abc", "abc", "abc"]);
    expect(new Set(sums).size).toBe(1);
    // Whoever missed the first, or got another one between, has a sum of its own.
    expect(joinTexts(b, c).toString()).toBe("bc");
    expect(joinTexts(joinTexts(a, c), b).toString()).toBe("acb");
    expect(joinTexts(joinTexts(a, b), c).toString()).toBe("abc");
    expect([a, b, c].map(String)).toEqual(["a", "b", "c"]);
  });

  it("is the same sum in a later turn, until the memory is needed", async () => {
    const [a, b] = [new SharedText("a"), new SharedText("b")];
    const toUpper = vi.fn((each: string) => each.toUpperCase());
    for (let turn = 0; turn < 3; turn++) {
      expect((joinTexts(a, b) as SharedText).as(toUpper)).toBe("AB");
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(toUpper).toHaveBeenCalledTimes(1);
    expect(joinTexts(a, new SharedText("b"))).not.toBe(joinTexts(a, b));
  });

  it("stays as it is beside nothing", () => {
    const text = new SharedText("a");
    expect(joinTexts("", text)).toBe(text);
    expect(joinTexts(text, "")).toBe(text);
    expect(joinTexts("", "")).toBe("");
    expect(joinTexts("b", "")).toBe("b");
  });

  it("becomes somebody's own when it is mixed with text of that one alone", () => {
    const text = new SharedText("a");
    expect(joinTexts(text, "b")).toBe("ab");
    expect(joinTexts("b", text)).toBe("ba");
    expect(joinTexts(joinTexts("b", text), new SharedText("c"))).toBe("bac");
    expect(bytesOf("é")).toEqual(new TextEncoder().encode("é"));
  });
});

/** Members of one channel behind a server, and what the server wrote to each connection. */
async function serveChannel(onResponse: (res: http.ServerResponse) => void = () => {}) {
  const channel = new EventChannel({ log: false });
  const writes = new Map<Socket, unknown[]>();
  const server = http.createServer((req, res) => {
    onResponse(res);
    void channel.add(new EventEndpoint(req, res));
  });
  server.on("connection", (socket) => {
    const { write } = socket;
    const chunks: unknown[] = [];
    writes.set(socket, chunks);
    socket.write = function (this: Socket, ...args: Parameters<typeof write>) {
      chunks.push(args[0]);
      return write.apply(this, args);
    } as typeof write;
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return {
    channel,
    /** The chunks of each connection, in the order of the connections. */
    chunks: () => [...writes.values()],
    async connect(): Promise<Exchange> {
      const request = http.get({ host: "127.0.0.1", port, agent: false });
      const [response] = (await once(request, "response")) as [http.IncomingMessage];
      const body = response[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
      const client = new Exchange(200, {}, body, () => request.destroy());
      await client.readUntil(":\n");
      return client;
    },
    async close() {
      await channel.close();
      server.close();
      server.closeAllConnections();
    },
  };
}

describe("what members of a channel share", () => {
  let close: () => unknown = () => {};
  afterEach(async () => {
    await close();
    // It holds what it closes.
    close = () => {};
  });

  it("is one buffer with the chunk in it, on HTTP/1", async () => {
    const served = await serveChannel();
    close = served.close;
    const clients = [await served.connect(), await served.connect(), await served.connect()];
    void served.channel.send("é");
    void served.channel.send("2");
    for (const client of clients) {
      await client.readUntil("data: 2\n\n");
      expect(client.text).toBe(":\ndata: é\n\ndata: 2\n\n");
    }
    const [first, ...others] = served.chunks().map((chunks) => chunks.at(-1));
    expect(String(first)).toBe("13\r\ndata: é\n\ndata: 2\n\n\r\n");
    expect(first).toBeInstanceOf(Buffer);
    for (const other of others) expect(other).toBe(first);
  });

  it("is a buffer for whatever wraps a response", async () => {
    const wrapped: unknown[] = [];
    const served = await serveChannel((res) => {
      const { write } = res;
      res.write = function (this: http.ServerResponse, ...args: Parameters<typeof write>) {
        wrapped.push(args[0]);
        return write.apply(this, args);
      } as typeof write;
    });
    close = served.close;
    const clients = [await served.connect(), await served.connect()];
    wrapped.length = 0;
    void served.channel.send("é");
    for (const client of clients) await client.readUntil("data: é\n\n");
    expect(wrapped.map(String)).toEqual(["data: é\n\n", "data: é\n\n"]);
    for (const each of wrapped) expect(each).toBeInstanceOf(Buffer);
  });

  it("arrives whole on HTTP/2, in parts of its frames", async () => {
    const channel = new EventChannel({ log: false });
    const server = http2.createServer((req, res) => void channel.add(new EventEndpoint(req, res)));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    close = async () => {
      await channel.close();
      session.destroy();
      server.close();
    };
    const clients = await Promise.all(
      [1, 2].map(async () => {
        const stream = session.request({});
        await once(stream, "response");
        const body = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
        return new Exchange(200, {}, body, () => stream.close());
      }),
    );
    const data = "日".repeat(20_000);
    void channel.send(data);
    for (const client of clients) {
      await client.readUntil("\n\n");
      expect(client.text).toBe(`:\ndata: ${data}\n\n`);
    }
  });

  it("is nobody's to take away from the others, on fetch-style servers", async () => {
    const channel = new EventChannel();
    close = () => channel.close();
    const open = (lastEventId?: string) => {
      const headers = lastEventId ? { "Last-Event-ID": lastEventId } : {};
      const events = new EventEndpoint(new Request("http://host/", { headers }));
      void channel.add(events);
      return events.response.body!.getReader();
    };
    /** Reads to this text, and takes all bytes away for good, as a reader may. */
    const take = async (reader: ReadableStreamDefaultReader<Uint8Array>, text: string) => {
      const decoder = new TextDecoder();
      let got = "";
      while (!got.includes(text)) {
        const { value } = await within(reader.read(), text);
        got += decoder.decode(value, { stream: true });
        structuredClone(value!.buffer, { transfer: [value!.buffer as ArrayBuffer] });
        expect(value!.length).toBe(0);
      }
      return got;
    };
    const readers = [open(), open(), open()];
    const first = await channel.send("1");
    await channel.send("é");
    const texts: string[] = [];
    for (const reader of readers) texts.push(await take(reader, "data: é\n\n"));
    expect(new Set(texts).size).toBe(1);
    // The log has it still, as the same bytes.
    expect(await take(open(first), "data: é\n\n")).toMatch(/^:\nid: [^\n]+\ndata: é\n\n$/);
  });
});
