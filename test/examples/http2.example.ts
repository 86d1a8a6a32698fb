import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Browser } from "puppeteer-core";
import { describeBrowser, launch } from "../support/browser.ts";
import { createCertificate } from "../support/certificate.ts";
import { within } from "../support/inbox.ts";
import { Example } from "./example.ts";

/** More streams than a browser opens to a host over HTTP/1. */
const STREAMS = 10;

describe("http2.js", () => {
  let folder: string;
  let example: Example;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "event-endpoint-http2-"));
    const { key, cert } = createCertificate();
    const env = { KEY: join(folder, "key.pem"), CERT: join(folder, "cert.pem") };
    await writeFile(env.KEY, key);
    await writeFile(env.CERT, cert);
    example = await Example.start("http2.js", { env });
  });
  afterAll(async () => {
    await example[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  it("keeps the headers that were there, has none of a connection, and notices a reset", async () => {
    const session = connect(example.url, { rejectUnauthorized: false });
    const stream = session.request({ ":path": "/events" });
    const [head] = (await within(once(stream, "response"), "response")) as [object];
    expect(Object.fromEntries(Object.entries(head))).toEqual({
      ":status": 200,
      "access-control-allow-origin": "*",
      "cache-control": "no-cache, no-transform",
      "content-type": "text/event-stream",
      date: expect.any(String),
      "set-cookie": ["seen=yes"],
      "x-accel-buffering": "no",
    });
    stream.destroy();
    expect(await example.nextLine()).toBe("A stream ended: client-left");
    session.destroy();
  });

  describeBrowser("chromium", "in Chromium", () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await launch("chromium");
    });
    afterAll(() => browser.close());

    it("carries more streams than HTTP/1 could, over one connection, and notices its end", async () => {
      const page = await browser.newPage();
      await page.goto(example.url.href);
      const { data, protocols } = await within(page.evaluate(openMany, STREAMS), "events");
      expect(data).toEqual(Array(STREAMS).fill("hello"));
      expect(new Set(protocols)).toEqual(new Set(["h2"]));
      // That of the page itself.
      await within(
        page.waitForFunction("document.querySelector('li')?.innerText === 'hello'"),
        "li",
      );
      await page.close();
      for (let i = 0; i <= STREAMS; i++) {
        expect(await example.nextLine()).toBe("A stream ended: client-left");
      }
    });
  });
});

/** Runs in the page: opens streams, publishes once they are all there, and says what they got. */
async function openMany(count: number): Promise<{ data: string[]; protocols: string[] }> {
  const sources = Array.from({ length: count }, () => new EventSource("/events"));
  const heard = (type: string) =>
    Promise.all(
      sources.map(
        (source) =>
          new Promise<string>((resolve) => {
            source.addEventListener(type, ({ data }) => resolve(data as string), { once: true });
          }),
      ),
    );
  const messages = heard("message");
  await heard("ready");
  await fetch("/events", { method: "POST", body: "hello" });
  const data = await messages;
  sources.forEach((source) => source.close());
  const entries = performance.getEntriesByType("resource") as PerformanceResourceTiming[];
  return { data, protocols: entries.map(({ nextHopProtocol }) => nextHopProtocol) };
}
