import { connect } from "node:net";
import { once } from "node:events";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readEvents } from "../../../src/testing/read-events.ts";
import { within } from "../../support/inbox.ts";
import { describeInstalled, installed } from "../../support/installed.ts";
import { type Runtime, RuntimeServer } from "./runtime.ts";

const node = (name: string): Runtime => ({
  program: installed(name, "bin", "node"),
  args: ["node-http.js"],
});
const deno = installed("deno", "..", ".bin", "deno");
const bun = installed("bun", "..", ".bin", "bun");
const workerd = installed("workerd", "..", ".bin", "workerd");

const RUNTIMES: Record<string, Runtime> = {
  "Node 22, node:http": node("node-22"),
  "Node 24, node:http": node("node-24"),
  "Node 26, node:http": node("node-26"),
  "Deno, Deno.serve": { program: deno, args: ["run", "--allow-all", "deno-serve.js"] },
  "Deno, node:http": { program: deno, args: ["run", "--allow-all", "node-http.js"] },
  "Bun, Bun.serve": { program: bun, args: ["run", "bun-serve.js"] },
  "Bun, node:http": { program: bun, args: ["run", "node-http.js"] },
  "workerd, export default { fetch }": {
    program: workerd,
    args: ["serve", "workerd.capnp", "--socket-addr=http=127.0.0.1:$PORT"],
    seesFinLate: true,
  },
};

/** A client that sees bytes, and leaves when and how it likes. */
async function ask(origin: string, path: string, id = "") {
  const { port } = new URL(origin);
  const socket = connect({ port: Number(port), host: "127.0.0.1" });
  await once(socket, "connect");
  let text = "";
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => (text += chunk));
  socket.on("error", () => {});
  const idLine = id && `Last-Event-ID: ${id}\r\n`;
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n${idLine}\r\n`);
  return {
    socket,
    async readUntil(pattern: RegExp) {
      while (!pattern.test(text)) await within(once(socket, "data"), `${pattern} in ${text}`);
      return text;
    },
  };
}

for (const [name, runtime] of Object.entries(RUNTIMES)) {
  describeInstalled(runtime.program, `on ${name}`, () => {
    let server: RuntimeServer;
    beforeAll(async () => {
      server = await RuntimeServer.start(runtime);
    });
    afterAll(() => server[Symbol.asyncDispose]());

    it("opens with the right head, and at once", async () => {
      const { socket, readUntil } = await ask(server.origin, "/quiet");
      const text = await readUntil(/\r\n\r\n[^]*:\n/);
      expect(text).toMatch(/^HTTP\/1\.1 200 /);
      expect(text).toMatch(/^content-type: text\/event-stream\r$/im);
      expect(text).toMatch(/^cache-control: no-cache, no-transform\r$/im);
      expect(text).toMatch(/^x-accel-buffering: no\r$/im);
      expect(text).not.toMatch(/^content-length:/im);
      socket.destroy();
    });

    it("sends events, and reads the id of a client that comes back", async () => {
      for await (const event of readEvents(`${server.origin}/events`)) {
        expect(event).toEqual({ data: "hello", event: "message", id: "1", retry: undefined });
        break;
      }
      const again = readEvents(`${server.origin}/events`, { lastEventId: "1" });
      expect((await again.next()).value).toMatchObject({ data: "after 1" });
      await again.return();
      const polyfill = readEvents(`${server.origin}/events?lastEventId=%C3%A9`);
      expect((await polyfill.next()).value).toMatchObject({ data: "after é" });
      await polyfill.return();
    });

    it("reads an id outside ASCII as UTF-8", async () => {
      const id = Buffer.from("é…日").toString("latin1");
      const { socket } = await ask(server.origin, "/quiet");
      socket.destroy();
      const { port } = new URL(server.origin);
      const raw = connect({ port: Number(port), host: "127.0.0.1" });
      const head = `GET /events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: ${id}\r\n\r\n`;
      raw.write(Buffer.from(head, "latin1"));
      let text = "";
      raw.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      while (!text.includes("data: after")) await within(once(raw, "data"), `event in ${text}`);
      expect(text).toContain("data: after é…日\n");
      raw.destroy();
    });

    it("stops a client for good", async () => {
      const name = randomUUID();
      const events = [];
      for await (const event of readEvents(`${server.origin}/goodbye?name=${name}`)) {
        events.push(event);
      }
      expect(events).toMatchObject([
        { data: "goodbye", id: name },
        { event: "close", data: "", id: expect.stringMatching(/^evt-closed\./) },
      ]);
      for (const { id } of events) {
        for (let retry = 1; retry <= 3; retry++) {
          const response = await fetch(`${server.origin}/events`, {
            headers: { "Last-Event-ID": id },
          });
          expect(response.status).toBe(204);
          expect(await response.text()).toBe("");
        }
      }
    });

    it.each(["FIN", "RST"])("notices within a second that a client left: %s", async (how) => {
      const name = randomUUID();
      const { socket, readUntil } = await ask(server.origin, `/events?name=${name}`);
      await readUntil(/data: hello/);
      const leftAt = performance.now();
      if (how === "FIN") socket.destroy();
      else socket.resetAndDestroy();
      const code = async () => (await fetch(`${server.origin}/end?name=${name}`)).text();
      let end = "";
      while (!end && performance.now() - leftAt < 5_000) end = await code();
      expect(end).toBe("client-left");
      // With the keep-alive, then.
      const limitMs = how === "FIN" && runtime.seesFinLate ? 5_000 : 1_000;
      expect(performance.now() - leftAt).toBeLessThan(limitMs);
    });

    it("keeps a quiet stream alive", async () => {
      const { socket, readUntil } = await ask(server.origin, "/quiet");
      await readUntil(/\r\n\r\n[^]*:\n[^]*:\n[^]*:\n/);
      socket.destroy();
    });

    it("pipes more than any buffer holds, and loses nothing", async () => {
      let next = 0;
      for await (const { data, event } of readEvents(`${server.origin}/large?blocks=64`)) {
        if (event === "close") continue;
        const item = JSON.parse(data) as { data: string };
        expect(item.data.startsWith(`${next++} `)).toBe(true);
      }
      expect(next).toBe(64);
    });

    it("replays what a member of a channel missed", async () => {
      const publish = async (data: string) =>
        (await fetch(`${server.origin}/publish?data=${data}`)).text();
      const first = readEvents(`${server.origin}/channel`);
      const ready = (await within(first.next(), "ready")).value;
      expect(ready).toMatchObject({ event: "ready", data: "" });
      const id = await publish("one");
      expect((await within(first.next(), "event")).value).toMatchObject({ data: "one", id });
      await first.return();
      await publish("two");
      await publish("three");
      const again = readEvents(`${server.origin}/channel`, { lastEventId: id });
      expect((await within(again.next(), "replay")).value).toMatchObject({ data: "two" });
      expect((await within(again.next(), "replay")).value).toMatchObject({ data: "three" });
      await publish("four");
      expect((await within(again.next(), "event")).value).toMatchObject({ data: "four" });
      await again.return();
    });

    it("is still there", () => {
      expect(server.isRunning, server.output).toBe(true);
      expect(server.output).not.toMatch(/error|unhandled|uncaught/i);
    });
  });
}
