import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeBrowser, launch } from "../support/browser.ts";
import { BrowserReader } from "./browser-reader.ts";
import { type CutPlan, cutEverywhere } from "./byte-cut.ts";
import {
  createHttp1Reader,
  createHttp2Reader,
  createNpmReader,
  createUndiciReader,
  urlOf,
} from "./readers.ts";

/** Milliseconds for all offsets there are. */
const SOAK_MS = 600_000;

/** Where the head has had its content type. */
const TYPE_END = 130;

const bare = { createReader: createHttp1Reader };
const undici = { createReader: createUndiciReader, sample: 20 };
const npm = { createReader: createNpmReader, sample: 20 };

const PLANS: [name: string, plan: CutPlan][] = [
  ["of ours, by FIN", { ...bare, kind: "node:http", how: "end" }],
  ["of ours, by RST", { ...bare, kind: "node:http", how: "reset" }],
  ["of ours to a fetch-style server", { ...bare, kind: "fetch", how: "end", sample: 16 }],
  [
    "of ours over HTTP/2",
    { kind: "h2c", createReader: createHttp2Reader, how: "reset", sample: 16 },
  ],
  ["of undici, by FIN", { ...undici, kind: "node:http", how: "end" }],
  ["of undici, by RST", { ...undici, kind: "node:http", how: "reset" }],
  ["of npm eventsource, by FIN", { ...npm, kind: "node:http", how: "end" }],
  ["of npm eventsource, by RST", { ...npm, kind: "node:http", how: "reset" }],
];

describe("a stream that is cut off at any byte", () => {
  // Clients that do not know a `retry` yet wait for 3 s: all of them at the same time.
  it.concurrent.each(PLANS)(
    "reaches a client %s, with every event once and in order",
    async (_, plan) => {
      expect(await cutEverywhere(plan)).toBeGreaterThan(40);
    },
    SOAK_MS,
  );
});

describeBrowser("chromium", "a stream that is cut off at any byte", () => {
  let browser: Browser | undefined;
  beforeAll(async () => {
    browser = await launch("chromium");
  });
  afterAll(() => browser?.close());

  it.concurrent.each(["end", "reset"] as const)(
    "reaches Chromium, with every event once and in order (%s)",
    async (how) => {
      const page = await browser!.newPage();
      const createReader = (port: number, cursor = "") =>
        new BrowserReader(page, urlOf(port, cursor), cursor);
      // Chromium takes a head that a FIN breaks off for a whole one, and goes away for good if that
      // has no type yet (not over TLS).
      const from = how === "end" ? TYPE_END : 0;
      // And it has 256 connections at most.
      const plan: CutPlan = { kind: "node:http", how, from, createReader, sample: 50, crowd: 100 };
      expect(await cutEverywhere(plan)).toBeGreaterThan(15);
    },
    SOAK_MS,
  );
});
