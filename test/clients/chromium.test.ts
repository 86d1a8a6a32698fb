import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll } from "vitest";
import { describeBrowser, launch } from "../support/browser.ts";
import { BrowserClient } from "./page.ts";
import { tellStory } from "./story.ts";

describeBrowser("chromium", "EventSource of Chromium", () => {
  const client = new BrowserClient();
  let browser: Browser | undefined;

  beforeAll(async () => {
    browser = await launch("chromium");
    await client.start(browser);
  });
  afterAll(() => browser?.close());

  tellStory(client, ["node:http", "fetch", "h2"]);
});
