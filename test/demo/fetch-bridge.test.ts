import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Writable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, it } from "vitest";
import { toRequest, writeResponse } from "../../demo/fetch-bridge.js";
import { within } from "../support/inbox.ts";

// Vitest starts Node without it.
setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Serves one handler over the bridge. */
async function serve(handler: (request: Request, res: ServerResponse) => Response) {
  const server = createServer((req, res) => {
    const url = new URL(`http://${req.headers.host}${req.url}`);
    void writeResponse(handler(toRequest(req, res, url), res), res);
  });
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A body that is more than connections hold, and what becomes of it. */
class LongBody {
  pulls = 0;
  readonly cancelled: Promise<void>;
  readonly stream: ReadableStream<Uint8Array>;

  constructor() {
    let onCancel = () => {};
    this.cancelled = new Promise((resolve) => (onCancel = resolve));
    this.stream = new ReadableStream({
      pull: (controller) => {
        controller.enqueue(new Uint8Array(16_384));
        if (++this.pulls === 10_000) controller.close();
      },
      cancel: () => onCancel(),
    });
  }
}

describe("toRequest", () => {
  it("has the method, the address and every header of the Node request", async () => {
    let seen: Request | undefined;
    const origin = await serve((request) => {
      seen = request;
      return new Response();
    });
    const client = request(`${origin}/events?client=1`, {
      method: "HEAD",
      headers: ["Host", "example.org", "Last-Event-ID", "7", "X-Twice", "a", "X-Twice", "b"],
    });
    await once(client.end(), "response");
    expect(seen?.method).toBe("HEAD");
    expect(seen?.url).toBe("http://example.org/events?client=1");
    expect(seen?.headers.get("last-event-id")).toBe("7");
    expect(seen?.headers.get("x-twice")).toBe("a, b");
  });

  it("aborts its signal, and cancels the body, when the client leaves", async () => {
    const body = new LongBody();
    let aborted: Promise<unknown> | undefined;
    const origin = await serve((request) => {
      aborted = once(request.signal, "abort");
      return new Response(body.stream);
    });
    const client = request(origin).end();
    await once(client, "response");
    // Nobody has the request any more. Its signal has to work all the same.
    collectGarbage();
    client.destroy();
    await within(aborted!, "abort");
    await within(body.cancelled, "cancel");
  });

  it("does not abort its signal after a whole response", async () => {
    let seen: Request | undefined;
    let closed: Promise<unknown> | undefined;
    const origin = await serve((request, res) => {
      seen = request;
      closed = once(res, "close");
      return new Response("all of it");
    });
    expect(await (await fetch(origin)).text()).toBe("all of it");
    await within(closed!, "close");
    expect(seen?.signal.aborted).toBe(false);
  });
});

describe("writeResponse", () => {
  it("writes the status, every header and the body", async () => {
    const headers: [string, string][] = [
      ["X-One", "1"],
      ["Set-Cookie", "a=1"],
      ["Set-Cookie", "b=2"],
    ];
    const origin = await serve(() => new Response("text", { status: 201, headers }));
    const response = await fetch(origin);
    expect(response.status).toBe(201);
    expect(response.headers.get("x-one")).toBe("1");
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(await response.text()).toBe("text");
  });

  it("ends a response without a body", async () => {
    const origin = await serve(() => new Response(null, { status: 204 }));
    const [response] = (await once(request(origin).end(), "response")) as [IncomingMessage];
    expect(response.statusCode).toBe(204);
    expect(await response.toArray()).toEqual([]);
  });

  it("reads no more of the body than the client takes", async () => {
    const body = new LongBody();
    const takes: (() => void)[] = [];
    const res = Object.assign(
      new Writable({ write: (_chunk, _encoding, taken) => void takes.push(taken) }),
      { statusCode: 0, setHeaders: () => {} },
    );
    void writeResponse(new Response(body.stream), res as unknown as ServerResponse);
    // Without backpressure, every turn would read on.
    const settle = async () => {
      for (let turn = 0; turn < 100; turn++) await nextTurn();
      return body.pulls;
    };

    // What the streams on the way hold.
    const atFirst = await settle();
    expect(atFirst).toBeLessThan(10);
    while (body.pulls === atFirst) {
      expect(takes).toHaveLength(1);
      takes.pop()?.();
      await settle();
    }
    expect(body.pulls).toBeLessThan(atFirst + 10);
    res.destroy();
    await within(body.cancelled, "cancel");
  });

  it("breaks the connection off when the body fails", async () => {
    const origin = await serve(
      () =>
        new Response(
          new ReadableStream({
            start(controller) {
              controller.enqueue(new TextEncoder().encode("half"));
            },
            pull: () => Promise.reject(new Error("broken")),
          }),
        ),
    );
    const [response] = (await once(request(origin).end(), "response")) as [IncomingMessage];
    await expect(within(response.toArray(), "end")).rejects.toThrow("aborted");
  });
});
