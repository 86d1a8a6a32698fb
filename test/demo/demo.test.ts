import { spawn } from "node:child_process";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import type { Browser } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { describeBrowser, launch } from "../support/browser.ts";
import { within } from "../support/inbox.ts";
import { describeWithProgram } from "../support/program.ts";
import { DemoPage, type View } from "./demo-page.ts";
import { copyPackage, DemoProcess, type PackageCopy } from "./demo-process.ts";
import { follow, parse, take } from "./streams.ts";

const ADAPTERS = ["node", "fetch"] as const;

let copy: PackageCopy;
let demo: DemoProcess;
/** Has the default port while the demo starts; nobody, if that was busy already. */
let occupant: Server | undefined;

beforeAll(async () => {
  copy = await copyPackage();
  occupant = await listen(3000).catch(() => undefined);
  demo = await DemoProcess.start(["npm", "run", "demo"], copy.folder);
});
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
    for (const stream of streams) await take(stream, 1);

    const ends = streams.map(async (stream) => {
      for await (const { event } of stream) expect(event).toBe("sample");
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

  it.each(ADAPTERS)("goes on with the sequence of a client it forgot (%s)", async (adapter) => {
    const token = adapter === "node" ? "00000000000000aa" : "00000000000000bb";
    const stream = follow(demo, `events/${adapter}?client=${token}`, `${token}-41`);
    const events = await take(stream, 2);
    await stream.return();
    expect(events.map(({ id }) => id)).toEqual([`${token}-42`, `${token}-43`]);
    expect(JSON.parse(events[0]!.data)).toMatchObject({ lastEventId: `${token}-41`, replayed: 0 });
  });

  it.each(ADAPTERS)("replays what a client missed, once (%s)", async (adapter) => {
    const token = adapter === "node" ? "00000000000000cc" : "00000000000000dd";
    const first = follow(demo, `events/${adapter}?client=${token}`);
    const before = await take(first, 4);
    await first.return();
    // As if the last two had been lost on the way.
    const second = follow(demo, `events/${adapter}?client=${token}`, before[1]!.id);
    const after = await take(second, 3);
    await second.return();
    expect(after.slice(0, 2)).toEqual(before.slice(2));
    expect(after.map(({ id }) => id)).toEqual([3, 4, 5].map((n) => `${token}-${n}`));
  });
});

describeWithProgram(["curl"], "the curl line of the demo", () => {
  it("gets a hello and then samples, each with an id of its own", async () => {
    const curl = spawn("sh", ["-c", `exec ${demo.curl}`], { stdio: ["ignore", "pipe", "ignore"] });
    const [hello, sample] = await take(parse(curl.stdout), 2);
    curl.kill();

    expect(hello).toMatchObject({ event: "hello", id: expect.stringMatching(/^[0-9a-f]{16}-1$/) });
    expect(JSON.parse(hello!.data)).toMatchObject({ connection: 1, adapter: "node" });
    expect(sample).toMatchObject({ event: "sample", id: hello!.id!.replace(/1$/, "2") });
    const { time, cpu, memory } = JSON.parse(sample!.data);
    expect(Math.abs(Date.now() - time)).toBeLessThan(10_000);
    for (const percent of [cpu, memory]) {
      expect(percent).toBeGreaterThanOrEqual(0);
      expect(percent).toBeLessThanOrEqual(100);
    }
    expect(memory).toBeGreaterThan(0);
  });
});

describeBrowser("chromium", "the page of the demo", () => {
  let browser: Browser;
  let page: DemoPage;

  beforeAll(async () => {
    browser = await launch("chromium");
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    page = await DemoPage.open(browser, demo.address);
  });
  afterEach(async () => {
    await page.close();
    expect(page.faults).toEqual([]);
  });

  describe.each(ADAPTERS)("over the %s adapter", (adapter) => {
    const readStatuses = () => page.streams(adapter).map(({ status }) => status);

    beforeEach(() => page.switchTo(adapter));

    it("draws samples from one stream, and lists its events with their ids", async () => {
      const before = await page.until((view) => view.events.length > 1);
      const after = await page.until((view) => view.events.length > before.events.length);

      expect(after.state).toBe("OPEN");
      expect(after.answer).toBe("200 OK");
      expectUnbroken(after);
      expect(after.events.at(-1)).toMatchObject({ kind: "hello" });
      expect(after.events.at(-1)!.data).toContain(`"adapter":"${adapter}"`);
      const newest = JSON.parse(after.events[0]!.data);
      expect(after.cpu).toBe(`${newest.cpu.toFixed(1)} %`);
      for (const [line, value] of [
        [after.chart.cpuLine, newest.cpu],
        [after.chart.memoryLine, newest.memory],
      ]) {
        // The chart is 60 wide and 100 high, from the top.
        expect(line).toMatch(/^(M|L)[\d.]+ [\d.]+L/);
        expect(line.endsWith(`L60.00 ${(100 - value).toFixed(1)}`)).toBe(true);
      }
      expect(after.chart.cpuLine).not.toBe(before.chart.cpuLine);
      expect(after.chart.label).toMatch(
        /^The last \d+ seconds\. CPU: .+ % now, .+ Memory: .+ %\.$/,
      );
      expect(readStatuses()).toEqual([200]);
    });

    it("shows a drop, the reconnect, and the Last-Event-ID that the server saw", async () => {
      for (const count of ["1", "2"]) {
        await page.press("drop");
        const dropped = await page.until((view) => view.state === "CONNECTING");
        const back = await page.until((view) => view.reconnects === count);
        expect(back.state).toBe("OPEN");
        expect(dropped.lastId).toMatch(/^[0-9a-f]{16}-\d+$/);
        expect(back.seenId).toBe(dropped.lastId);
        expectUnbroken(back);
      }
      const drop = ["reconnect", "open", "error", "button"];
      const { log } = await page.read();
      expect(log.map(({ kind }) => kind)).toEqual([...drop, ...drop, "open"]);
      expect(readStatuses()).toEqual([200, 200, 200]);
    });

    it("shows a goodbye, the 204 and CLOSED, and then asks no more", async () => {
      await page.press("goodbye");
      const goodbye = await page.until((view) => view.events[0]?.kind === "close");
      expect(goodbye.events[0]).toMatchObject({
        id: expect.stringMatching(/^evt-closed\./),
        data: "(empty data)",
      });
      expect(goodbye.lastId).toBe(goodbye.events[0]!.id);

      const { state, log } = await page.until((view) => view.answer === "204 No Content");
      expect(state).toBe("CLOSED");
      // The newest first.
      const kinds = ["closed", "error", "close", "button", "open"];
      expect(log.map(({ kind }) => kind)).toEqual(kinds);
      expect(log[0]!.text).toContain(goodbye.lastId.slice(0, 20));
      expect(readStatuses()).toEqual([200, 204]);

      // Three times the reconnection time, by the server's clock.
      const clock = follow(demo, "events/node");
      await take(clock, 4);
      await clock.return();
      expect(readStatuses()).toEqual([200, 204]);
      expect((await page.read()).state).toBe("CLOSED");
    });

    it("connects again after a goodbye, as a new client", async () => {
      const before = await page.read();
      await page.press("goodbye");
      await page.until((view) => view.answer === "204 No Content");
      await page.press("again");
      const after = await page.until((view) => /^\w{16}-/.test(view.lastId));

      expect(after.state).toBe("OPEN");
      expect(after.lastId.split("-")[0]).not.toBe(before.lastId.split("-")[0]);
      expect(after).toMatchObject({ reconnects: "0", seenId: "–", answer: "200 OK" });
      expectUnbroken(after);
      expect(readStatuses()).toEqual([200, 204, 200]);

      // Nothing of the goodbye is left: a drop is a drop again.
      await page.press("drop");
      await page.until((view) => view.reconnects === "1" && view.state === "OPEN");
      expect(readStatuses()).toEqual([200, 204, 200, 200]);
    });
  });

  it("switches to the other adapter and back, and leaves the stream before", async () => {
    let left = page.streams("node").at(-1)!;
    for (const adapter of ["fetch", "node"] as const) {
      await page.switchTo(adapter);
      await expect
        .poll(() => describeClient(left.client))
        .toMatchObject({ connections: 1, streams: 0, endedWith: "client-left" });
      left = page.streams(adapter).at(-1)!;
      expect(await describeClient(left.client)).toMatchObject({ connections: 1, streams: 1 });
    }
  });

  it.each(["light", "dark"])("fits 400 pixels, and all of it can be read (%s)", async (scheme) => {
    await page.look(400, scheme);
    expect(await page.readWidth()).toBe(400);
    expect(await page.readFaintTexts()).toEqual([]);
  });

  it("can be used with the keyboard alone", async () => {
    const stops = await page.tabThrough();
    expect(stops.map(({ name }) => name)).toEqual([
      "node",
      "drop",
      "goodbye",
      "again",
      "events-title",
      "log-title",
    ]);
    expect(stops.filter(({ isVisible }) => !isVisible)).toEqual([]);
  });
});

/** All ids of one client, each following the one before: nothing was lost, nothing came twice. */
function expectUnbroken({ events }: View): void {
  const [token] = events[0]!.id.split("-");
  const ids = events.map((_event, i) => `${token}-${events.length - i}`);
  expect(events.map(({ id }) => id)).toEqual(ids);
}

async function describeClient(token: string): Promise<unknown> {
  return (await fetch(new URL(`clients/${token}`, demo.address))).json();
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
