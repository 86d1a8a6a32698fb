import { describe, expect, it } from "vitest";
import { EventEndpoint, ServerSentEvent } from "../../src/index.ts";
import { parsers } from "../support/parsers.ts";

/**
 * What was published against the encoders of others: either the call throws before a byte is
 * written, or the client gets one event with the data as it was given, and nothing forged.
 */
const published: [source: string, data: unknown, fields?: Record<string, unknown>][] = [
  ["dpskvn/express-sse#60: id", "x", { id: "1\ndata: forged" }],
  ["dpskvn/express-sse#60: event", "x", { event: "a\ndata: forged" }],
  ["fastify-sse-v2#110: id", "x", { id: "1\n\ndata: forged\n\n" }],
  ["fastify-sse-v2#110: retry", "x", { retry: "1\ndata: forged" }],
  ["koa-sse#13: event", "x", { event: "a\r\ndata: forged" }],
  ["koa-sse#13: data with a lone CR", "x\rdata: forged\r\r"],
  ["sse-channel#42: id", "x", { id: "1\nevent: admin" }],
  ["h3 GHSA-22cc-p3c6-wpvm: id", "x", { id: "1\nevent: admin\ndata: forged\n\n" }],
  ["h3 GHSA-22cc-p3c6-wpvm: event", "x", { event: "message\nevent: admin" }],
  ["h3 GHSA-22cc-p3c6-wpvm: data", "x\nevent: admin\ndata: forged\n\n"],
  ["h3 GHSA-4hxc-9384-m385: data with a lone CR", "x\revent: admin"],
  ["h3: an id whose break is stripped becomes another's", "x", { id: "1\n2" }],
  [
    "h3: an object whose replace() lies",
    "x",
    { id: { replace: () => "1", toString: () => "1\n2" } },
  ],
  ["hono GHSA-p6xx-57qc-3wxr: event", "x", { event: "a\ndata: forged" }],
  ["hono GHSA-p6xx-57qc-3wxr: id", "x", { id: "1\rdata: forged" }],
  ["honojs/hono#5299: retry", "x", { retry: "1000\ndata: forged" }],
  ["nestjs/nest#16686: event", "x", { event: "a\ndata: forged" }],
  ["javalin#2579: id", "x", { id: "1\r\n\r\ndata: forged" }],
  ["fastapi#15187: event", "x", { event: "a\n\ndata: forged" }],
  ["django-eventstream#185: data", "x\r\revent: admin\rdata: forged\r\r"],
  ["better-sse: event", "x", { event: "x\n\ndata: forged" }],
  ["@fastify/sse: data with a lone CR", "x\rid: forged"],
  ["jsext: id", "x", { id: "1\ndata: forged" }],
  ["oak: event", "x", { event: "x\ndata: forged\n\n" }],
  ["Deno std: retry", "x", { retry: "1\ndata: forged" }],
  ["better-sse#112: a trailing line break", "x\n"],
  ["fastify-sse-v2#93: many lines", "a\nb\nc"],
  ["helidon#12465: only a line break", "\n"],
  ["jersey#5868: a lone CR", "a\rb"],
  ["oak: id 0", "x", { id: 0 }],
  ["h3: data that is no string", { a: 1 }],
];

async function parseBody(events: EventEndpoint<Request>) {
  await events.close();
  return parsers["eventsource-parser"]!([new Uint8Array(await events.response.arrayBuffer())]);
}

describe.each(published)("%s", (_source, data, fields = {}) => {
  const sent = (typeof data === "string" ? data : JSON.stringify(data)).replace(/\r\n?/g, "\n");
  const routes: Record<string, (events: EventEndpoint<Request>) => unknown> = {
    "send()": (events) => events.send(data, fields),
    "a CustomEvent": (events) =>
      events.dispatchEvent(new CustomEvent("message", { detail: { data, ...fields } })),
    "a ServerSentEvent": (events) => {
      const { event = "message", ...init } = fields;
      return events.dispatchEvent(new ServerSentEvent(event as string, { data, ...init }));
    },
    "a comment": (events) => events.dispatchComment(String(data)),
  };

  it.each(Object.entries(routes))("forges nothing through %s", async (route, call) => {
    const events = new EventEndpoint(new Request("http://host/"));
    let refused = false;
    try {
      call(events);
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError);
      refused = true;
    }
    const parsed = await parseBody(events);
    expect(parsed.retries).toEqual([]);
    expect(parsed.events.map((event) => event.data)).toEqual(
      refused || route === "a comment" ? [] : [sent],
    );
    expect(parsed.events.every((event) => event.type === "message")).toBe(true);
  });
});
