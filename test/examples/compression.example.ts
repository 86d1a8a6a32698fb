import { once } from "node:events";
import type { RequestListener } from "node:http";
import { createServer, get, type IncomingMessage } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createGunzip } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { EventEndpoint } from "../../src/event-endpoint.ts";
import type { EventEndpointOptions } from "../../src/core/types.ts";
import { Inbox } from "../support/inbox.ts";
import { EXAMPLES } from "./example.ts";

const require = createRequire(join(EXAMPLES, "package.json"));
const compression: any = require("compression");

/** What may pass between the moment something is sent and the moment it is there. */
const LIMIT_MS = 100;
const KEEP_ALIVE_MS = 150;
const COUNT = 20;

interface Arrival {
  readonly text: string;
  readonly at: number;
}

/** Serves one stream behind compression, to a client that takes gzip. */
async function open(framework: string, options: EventEndpointOptions) {
  const app: any = require(framework)();
  app.use(compression({ filter: () => true, threshold: 0 }));
  const opened = new Inbox<EventEndpoint>("request");
  app.get("/", (req: any, res: any) => opened.put(new EventEndpoint(req, res, options)));
  const server = createServer(app as RequestListener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const request = get({ host: "127.0.0.1", port, headers: { "Accept-Encoding": "gzip" } });
  request.on("error", () => {}); // its end is the server's
  onTestFinished(() => {
    request.destroy();
    server.close();
    server.closeAllConnections();
  });
  const events = await opened.take();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const encoding = response.headers["content-encoding"];
  const arrivals = new Inbox<Arrival>("bytes on the client");
  const body = encoding === "gzip" ? response.pipe(createGunzip()) : response;
  body.on("data", (bytes: Buffer) => arrivals.put({ text: String(bytes), at: performance.now() }));
  body.on("error", () => {});
  return { events, arrivals, encoding };
}

/** How long this process, which sends and receives, was kept from running since the last call. */
function watchStalls(): () => number {
  const delays = monitorEventLoopDelay({ resolution: 5 });
  delays.enable();
  onTestFinished(() => void delays.disable());
  return () => {
    const { max } = delays;
    delays.reset();
    return max / 1e6;
  };
}

describe.each(["express", "express-4"])("%s behind compression", (framework) => {
  it.each([
    ["that lets the stream pass", undefined, {}],
    ["that compresses it", "gzip", { "Cache-Control": "no-cache" }],
  ])("%s: every event and keep-alive arrives at once", async (_name, encoding, headers) => {
    const options = { headers, keepAlive: KEEP_ALIVE_MS };
    const { events, arrivals, encoding: used } = await open(framework, options);
    expect(used).toBe(encoding);
    const stalledMs = watchStalls();
    expect((await arrivals.take()).text).toBe(":\n");
    for (let i = 0; i < COUNT; i++) {
      const sentAt = performance.now();
      void events.send(`event ${i}`);
      const { text, at } = await arrivals.take();
      expect(text).toBe(`data: event ${i}\n\n`);
      expect(at - sentAt).toBeLessThan(LIMIT_MS + stalledMs());
    }
    let lastAt = performance.now();
    for (let i = 0; i < 5; i++) {
      const { text, at } = await arrivals.take();
      expect(text).toBe(":\n");
      expect(at - lastAt).toBeLessThan(KEEP_ALIVE_MS + LIMIT_MS + stalledMs());
      lastAt = at;
    }
  });
});
