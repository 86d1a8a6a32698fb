import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { EventEndpoint } from "../../src/index.ts";
import { Inbox, within } from "../support/inbox.ts";
import { describeWithProgram } from "../support/program.ts";
import { ask } from "./client.ts";
import { type Front, FRONTS, Nginx } from "./nginx.ts";

/** Short enough to be waited for. */
const keepAlive = 100;

describeWithProgram(["nginx"], "behind nginx", (program) => {
  /** The endpoints and the plain responses of those who came. */
  const endpoints = new Inbox<EventEndpoint>("endpoint");
  const responses = new Inbox<ServerResponse>("response without an endpoint");
  const server = createServer((req: IncomingMessage, res: ServerResponse) => {
    if (req.url === "/") return endpoints.put(new EventEndpoint(req, res, { keepAlive }));
    res.writeHead(200, { "Content-Type": "text/event-stream" });
    responses.put(res);
  });
  let nginx: Nginx;

  beforeAll(async () => {
    await once(server.listen(0, "127.0.0.1"), "listening");
    nginx = await Nginx.start(program, (server.address() as AddressInfo).port);
  });
  afterAll(async () => {
    await nginx[Symbol.asyncDispose]();
    server.close();
    server.closeAllConnections();
  });

  describe.each(Object.keys(FRONTS) as Front[])("%s", (front) => {
    let origin: string;
    beforeEach(() => void (origin = nginx.originOf(front)));

    const open = async (headers?: Record<string, string>) => {
      const [answer, events] = await Promise.all([ask(origin, headers), endpoints.take()]);
      return { ...answer, events };
    };
    const closeOf = (events: EventEndpoint) =>
      within(
        new Promise<string>((resolve) => {
          events.addEventListener("close", ({ code }) => resolve(code));
        }),
        "close event",
      );

    it("an event stream arrives at once: its head, its first byte, each event and keep-alive", async () => {
      const { status, headers, output, events } = await open();
      expect(status).toBe(200);
      expect(headers["content-type"]).toBe("text/event-stream");
      expect(headers["content-encoding"]).toBe(front.includes("gzip") ? "gzip" : undefined);
      expect(await output.until(":\n")).toMatch(/^(:\n)+$/);
      for (const id of ["1", "2", "3"]) {
        void events.send(`event ${id}`, id);
        await output.until(`id: ${id}\ndata: event ${id}\n\n`);
      }
      // Nobody sends anything now.
      output.text = "";
      await output.until(":\n:\n");
      expect(events.closed).toBe(false);
      await events.close();
    });

    it("a client that leaves is noticed", async () => {
      const { output, events, leave } = await open();
      await output.until(":\n");
      const code = closeOf(events);
      leave();
      expect(await code).toBe("client-left");
    });

    it("a client comes back with its last id, also one outside ASCII", async () => {
      const first = await open();
      void first.events.send("x", "41");
      await first.output.until("\n\n");
      await first.events.close();
      await within(first.ended, "end");
      for (const id of ["41", "日…é"]) {
        const header = Buffer.from(id).toString("latin1");
        const { events } = await open({ "last-event-id": header });
        expect(events.lastEventId).toBe(id);
        await events.close();
      }
    });

    it("a client that is told goodbye gets it whole, and then 204", async () => {
      const { output, events, ended } = await open();
      void events.close(true);
      const goodbye = await output.until("\n\n");
      await within(ended, "end");
      const [, id = ""] = /^id: (evt-closed\..+)$/m.exec(goodbye) ?? [];
      const again = await open({ "last-event-id": id });
      expect(again.status).toBe(204);
      await within(again.ended, "end");
      expect(again.output.text).toBe("");
      expect(again.events.closed).toBe(true);
    });

    // Chunks of HTTP/1.1 are passed on, whoever sends them.
    if (front === "that speaks HTTP/1.1 to the server") return;

    it("holds what a server sends that asks for nothing, even its head, until the end", async () => {
      let isThere = false;
      const asking = ask(`${origin}/plain`).finally(() => (isThere = true));
      const response = await responses.take();
      response.write("data: held\n\n");
      // A stream that comes and goes by the same way meanwhile.
      const other = await open();
      void other.events.send("overtakes");
      await other.output.until("overtakes");
      await other.events.close();
      expect(isThere).toBe(false);
      response.end();
      const { output, ended } = await asking;
      await within(ended, "end");
      expect(output.text).toBe("data: held\n\n");
    });
  });
});
