import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EventEndpoint } from "../../src/event-endpoint.ts";
import { Inbox, within } from "../support/inbox.ts";
import { Example } from "./example.ts";
import { Visitor } from "./visitor.ts";

/** A stream of the upstream server, and how it ended. */
interface Visit {
  readonly events: EventEndpoint;
  readonly ended: Inbox<string>;
}

describe("stream-proxy.js", () => {
  const visits = new Inbox<Visit>("request at the upstream server");
  /** What it answers before it would open a stream. */
  const answers: ((res: ServerResponse) => void)[] = [];
  let upstream: Server;
  let example: Example;
  beforeAll(async () => {
    upstream = createServer((req, res) => {
      const answer = answers.shift();
      if (answer) return answer(res);
      const events = new EventEndpoint(req, res);
      const ended = new Inbox<string>("end at the upstream server");
      events.addEventListener("close", ({ code }) => ended.put(code));
      visits.put({ events, ended });
    }).listen(0, "127.0.0.1");
    await once(upstream, "listening");
    const { port } = upstream.address() as AddressInfo;
    const env = { UPSTREAM: `http://127.0.0.1:${port}/events` };
    example = await Example.start("stream-proxy.js", { env });
  });
  afterAll(async () => {
    await example[Symbol.asyncDispose]();
    upstream.close();
  });

  it("passes events on, and takes the client's id to the upstream server", async () => {
    await using visitor = await Visitor.to(example.url, ["tick", "message"]);
    const first = await visits.take();
    expect(first.events.lastEventId).toBe("");
    void first.events.send("a\nb", "7");
    void first.events.sendEvent("tick", { price: 1 }, "8");
    expect(await visitor.next()).toEqual({ type: "message", data: "a\nb", id: "7" });
    expect(await visitor.next()).toEqual({ type: "tick", data: '{"price":1}', id: "8" });

    visitor.cut();
    expect(await first.ended.take()).toBe("client-left");
    const second = await visits.take();
    expect(second.events.lastEventId).toBe("8");
    void second.events.send("c", "9");
    expect(await visitor.next()).toEqual({ type: "message", data: "c", id: "9" });

    // The end of the upstream server is not the end: its clients come back.
    void second.events.close();
    const third = await visits.take();
    expect(third.events.lastEventId).toBe("9");

    // But a goodbye is one.
    void third.events.close(true);
    await visitor.stopped();
  });

  it("ends its request when its client goes, although there is no answer yet", async () => {
    const asked = new Promise<ServerResponse>((resolve) => answers.push(resolve));
    await using visitor = await Visitor.to(example.url);
    const left = once(await within(asked, "request at the upstream server"), "close");
    await visitor[Symbol.asyncDispose]();
    await within(left, "end of the request");
  });

  it("brings its client back after an answer that is no stream, and stops it after a 204", async () => {
    answers.push(
      (res) => void res.writeHead(503).end(),
      (res) => void res.writeHead(204).end(),
    );
    await using visitor = await Visitor.to(example.url);
    await visitor.stopped();
    expect(answers).toEqual([]);
    expect(visits.size).toBe(0);
  });
});
