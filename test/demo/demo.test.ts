import { spawn } from "node:child_process";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { networkInterfaces } from "node:os";
import type { EventSourceMessage } from "eventsource-parser";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { within } from "../support/inbox.ts";
import { describeWithProgram } from "../support/program.ts";
import { copyPackage, DemoProcess, type PackageCopy } from "./demo-process.ts";
import { type EventStream, follow, parse, take } from "./streams.ts";
import { Visitor } from "./visitor.ts";

const ADAPTERS = ["node", "fetch"] as const;
/** For a build on a machine that has a lot else to do. */
const BUILD_MS = 120_000;
const JSON_TYPE = "application/json";

let copy: PackageCopy;
let demo: DemoProcess;
/** Has the default port while the demo starts; nobody, if that was busy already. */
let occupant: Server | undefined;

beforeAll(async () => {
  copy = await copyPackage();
  occupant = await listen(3000).catch(() => undefined);
  demo = await DemoProcess.start(["npm", "run", "demo"], copy.folder);
}, BUILD_MS);
afterAll(async () => {
  await demo?.stop();
  occupant?.close();
  await copy?.remove();
});

describe("npm run demo", () => {
  it("builds, tries port 3000 first, and prints the address and a curl line", () => {
    expect(demo.output).toContain("Port 3000 is not free, taking another.");
    expect(demo.address.hostname).toBe("127.0.0.1");
    expect(demo.address.port).toMatch(/^\d+$/);
    expect(demo.address.port).not.toBe("3000");
    expect(demo.curl).toBe(`curl -N ${demo.address.origin}/events/node`);
  });

  it("takes the port that PORT names, and another one if that is busy", async () => {
    const port = await findFreePort();
    const first = await DemoProcess.start(["node", "demo/server.js"], copy.folder, port);
    const second = await DemoProcess.start(["node", "demo/server.js"], copy.folder, port);
    try {
      expect(first.address.port).toBe(String(port));
      expect(first.output).not.toContain("not free");
      expect(second.output).toContain(`Port ${port} is not free`);
      expect((await fetch(second.address)).status).toBe(200);
    } finally {
      await Promise.all([first.stop(), second.stop()]);
    }
  });

  it("ends by itself, and every stream between two events, when it is told to", async () => {
    const process = await DemoProcess.start(["node", "demo/server.js"], copy.folder, 0);
    const streams = ADAPTERS.map((adapter) => follow(process, `events/${adapter}`));
    // The greeting of the server, and that of the channel.
    for (const stream of streams) await take(stream, 2);

    const ends = streams.map(async (stream) => {
      for await (const { event } of stream) expect(["sample", "members"]).toContain(event);
    });
    expect(await within(process.stop(), "end of the demo", 4000)).toBe(0);
    // A stream that was cut off would throw.
    await Promise.all(ends);
  });

  it.each([
    ["GET", "/nothing", 404],
    ["GET", "/../package.json", 404],
    ["GET", "/page/page.js", 404],
    ["GET", "//", 404],
    ["GET", "/events/pigeon", 404],
    ["GET", "/events/node?client=me", 400],
    ["GET", "/clients/0123456789abcdef", 404],
    ["POST", "/clients/0123456789abcdef/drop", 404],
    ["POST", "/clients/0123456789abcdef/goodbye", 404],
    ["POST", "/clients/%E0%A4%A/drop", 404],
    ["GET", "/clients/0123456789abcdef/drop", 405],
    ["POST", "/clients/0123456789abcdef/messages", 404],
    ["GET", "/clients/0123456789abcdef/messages", 405],
    ["POST", "/events/fetch", 405],
    ["DELETE", "/", 405],
    ["OPTIONS", "*", 400],
  ])("answers %s %s with %d and a reason in JSON", async (method, path, status) => {
    const { hostname, port } = demo.address;
    const [response] = (await once(
      request({ hostname, port, method, path }).end(),
      "response",
    )) as [IncomingMessage];
    expect(response.statusCode).toBe(status);
    const { error } = JSON.parse((await response.toArray()).join(""));
    expect(error).toMatch(/\w/);
  });

  it("listens to this machine alone", async () => {
    const others = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ internal, family }) => !internal && family === "IPv4");
    for (const { address } of others) {
      const socket = connect(Number(demo.address.port), address);
      await expect(within(once(socket, "connect"), "answer")).rejects.toThrow("ECONNREFUSED");
    }
    expect(demo.address.hostname).toBe("127.0.0.1");
  });

  it.each(ADAPTERS)("replays what a client missed, once (%s)", async (adapter) => {
    const first = follow(demo, `events/${adapter}`);
    const before = await takeNumbered(first, 3);
    await first.return();
    // As if the last two had been lost on the way.
    const second = follow(demo, `events/${adapter}`, before[0]!.id);
    const [hello] = await take(second, 1);
    const after = await takeNumbered(second, 3);
    await second.return();

    expect(JSON.parse(hello!.data)).toMatchObject({ lastEventId: before[0]!.id, history: [] });
    expect(after.slice(0, 2)).toEqual(before.slice(1));
    const numbers = [before[0]!, ...after].map(({ data }) => Number(JSON.parse(data).number));
    expect(numbers).toEqual([0, 1, 2, 3].map((more) => numbers[0]! + more));
  });

  it("tells a client with a foreign id that it has no history for it", async () => {
    const stream = follow(demo, "events/node", "another-7");
    const [, resync] = await take(stream, 2);
    await stream.return();
    expect(resync).toMatchObject({ event: "resync", data: '{"lastEventId":"another-7"}' });
  });

  it("tells everybody how many there are, without an id", async () => {
    const visitor = await Visitor.arrive(demo);
    const [more, less] = [follow(demo, "events/fetch"), follow(demo, "events/node")];
    await Promise.all([take(more, 1), take(less, 1)]);
    const readMembers = async () => {
      const { id, data } = await visitor.takeNext("members");
      return { id, ...JSON.parse(data) };
    };
    await expect.poll(readMembers).toEqual({ id: undefined, node: 2, fetch: 1 });
    await less.return();
    await expect.poll(readMembers).toEqual({ id: undefined, node: 1, fetch: 1 });
    await more.return();
    await visitor.leave();
  });
});

describe("what the page asks of the demo", () => {
  let visitor: Visitor;

  beforeEach(async () => {
    visitor = await Visitor.arrive(demo);
  });
  afterEach(() => visitor.leave());

  it("publishes a message to everybody, with an id and a number", async () => {
    const other = follow(demo, "events/fetch");
    await take(other, 2);
    const text = '<b>"é" & \u{1F600}\u202E</b>'.padEnd(280, ".");
    const number = await visitor.publish(text);
    for (;;) {
      const [event] = await take(other, 1);
      if (event!.event !== "message") continue;
      expect(JSON.parse(event!.data)).toEqual({ number, client: visitor.number, text });
      expect(event!.id).toMatch(/^\w+-\d+$/);
      break;
    }
    await other.return();
  });

  it.each([
    ["a message that is no JSON by its type", "messages", '{"text":"x"}', "text/plain", 415],
    ["a message that is no JSON", "messages", "{", JSON_TYPE, 400],
    ["null for a message", "messages", "null", JSON_TYPE, 400],
    ["a message without a text", "messages", "{}", JSON_TYPE, 400],
    ["a number for a text", "messages", '{"text":7}', JSON_TYPE, 400],
    ["an empty text", "messages", '{"text":" "}', JSON_TYPE, 400],
    ["a text of two lines", "messages", '{"text":"two\\nlines"}', JSON_TYPE, 400],
    ["a text that is too long", "messages", formatText(281), JSON_TYPE, 400],
    ["a body that is too long", "messages", formatText(5_000), JSON_TYPE, 413],
    ["a drop for no time", "drop", "{}", JSON_TYPE, 400],
    ["a drop for 0 seconds", "drop", '{"seconds":0}', JSON_TYPE, 400],
    ["a drop for 61 seconds", "drop", '{"seconds":61}', JSON_TYPE, 400],
    ["a drop for a text", "drop", '{"seconds":"1"}', JSON_TYPE, 400],
    ["a drop for a part of a second", "drop", '{"seconds":1.5}', JSON_TYPE, 400],
    ["a drop by a form", "drop", "seconds=1", "application/x-www-form-urlencoded", 415],
  ])("is answered with a reason if it is %s", async (_what, action, body, type, status) => {
    const response = await visitor.post(action, body, type);
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ error: expect.stringMatching(/\w/) });
    // Nothing of it came to anybody: the next message is this one.
    await visitor.post("messages", '{"text":"right"}');
    expect((await visitor.takeNext("message")).data).toContain('"text":"right"');
  });

  it("is answered although it has no end, once it is too long", async () => {
    const client = request(visitor.urlOf("messages"), {
      method: "POST",
      headers: { "Content-Type": JSON_TYPE },
    });
    client.write("x".repeat(5_000));
    const [response] = (await within(once(client, "response"), "answer")) as [IncomingMessage];
    expect(response.statusCode).toBe(413);
    expect(response.headers.connection).toBe("close");
    client.destroy();
  });

  it("is refused when there is too much of it, and says when to try again", async () => {
    const statuses: number[] = [];
    let last: Response;
    do {
      last = await visitor.post("messages", '{"text":"again"}');
      statuses.push(last.status);
    } while (last.status === 201 && statuses.length < 50);
    expect(statuses.slice(0, 5)).toEqual(Array(5).fill(201));
    expect(last.status).toBe(429);
    expect(last.headers.get("retry-after")).toBe("1");
    expect(await last.json()).toEqual({ error: expect.stringContaining("too fast") });
  });

  it("ends a stream with the time to stay away, or with a goodbye", async () => {
    expect((await visitor.post("drop", '{"seconds":7}')).status).toBe(202);
    const dropped = await visitor.takeRest();
    expect(dropped.retry).toBe(7000);
    expect(dropped.last?.event).not.toBe("close");
    expect((await visitor.post("drop", '{"seconds":7}')).status).toBe(409);

    const other = await Visitor.arrive(demo);
    expect((await other.post("goodbye", "")).status).toBe(202);
    const { last } = await other.takeRest();
    expect(last).toMatchObject({ event: "close", id: expect.stringMatching(/^evt-closed\./) });
    const again = await fetch(new URL("events/fetch", demo.address), {
      headers: { "Last-Event-ID": last!.id! },
    });
    expect(again.status).toBe(204);
  });
});

describeWithProgram(["curl"], "the curl line of the demo", () => {
  it("gets a hello, the current id, and then samples, each with an id of its own", async () => {
    const curl = spawn("sh", ["-c", `exec ${demo.curl}`], { stdio: ["ignore", "pipe", "ignore"] });
    const stream = parse(curl.stdout);
    const [hello, ready] = await take(stream, 2);
    const [sample, next] = await takeNumbered(stream, 2);
    curl.kill();

    expect(hello).toMatchObject({ event: "hello", id: undefined });
    expect(JSON.parse(hello!.data)).toMatchObject({ adapter: "node", lastEventId: "" });
    expect(ready).toMatchObject({ event: "ready", id: expect.stringMatching(/^\w+-\d+$/) });
    const place = Number(ready!.id!.split("-")[1]);
    for (const [i, { id }] of [sample!, next!].entries()) {
      expect(id).toBe(ready!.id!.replace(/\d+$/, String(place + i + 1)));
    }
    const { time, cpu, memory } = JSON.parse(sample!.data);
    expect(Math.abs(Date.now() - time)).toBeLessThan(10_000);
    for (const percent of [cpu, memory]) {
      expect(percent).toBeGreaterThanOrEqual(0);
      expect(percent).toBeLessThanOrEqual(100);
    }
    expect(memory).toBeGreaterThan(0);
  });
});

/** A message whose text has this length. */
function formatText(length: number): string {
  return JSON.stringify({ text: "x".repeat(length) });
}

/** The next events that have a place in the channel's log. */
async function takeNumbered(stream: EventStream, count: number): Promise<EventSourceMessage[]> {
  const events: EventSourceMessage[] = [];
  while (events.length < count) {
    const [event] = await take(stream, 1);
    if (event!.data.startsWith('{"number":')) events.push(event!);
  }
  return events;
}

async function listen(port: number): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  await once(server.listen(port, "127.0.0.1"), "listening");
  return server;
}

async function findFreePort(): Promise<number> {
  const server = await listen(0);
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
