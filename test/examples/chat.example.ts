import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Browser } from "puppeteer-core";
import { describeBrowser, launch } from "../support/browser.ts";
import { within } from "../support/inbox.ts";
import { Example } from "./example.ts";
import { Visitor } from "./visitor.ts";

const TYPES = ["ready", "message", "joined", "left"];

describe("chat/", () => {
  let example: Example;
  beforeAll(async () => {
    example = await Example.start("chat/server.js");
  });
  afterAll(() => example[Symbol.asyncDispose]());

  const enter = (name: string, ...rooms: string[]) => {
    const query = new URLSearchParams([["name", name], ...rooms.map((room) => ["room", room])]);
    return Visitor.to(new URL(`/events?${query}`, example.url), TYPES);
  };
  const say = async (message: unknown) => {
    const body = JSON.stringify(message);
    const answer = await fetch(new URL("/messages", example.url), { method: "POST", body });
    await answer.text();
    return answer.status;
  };

  it("brings what is said to who is in the room, and what was missed to who comes back", async () => {
    await using ann = await enter("ann", "tea", "coffee");
    expect(await ann.next()).toMatchObject({ type: "ready" });
    await using bob = await enter("bob", "tea");
    expect(await bob.next()).toMatchObject({ type: "ready" });
    expect(await ann.next()).toMatchObject({ type: "joined", data: '{"name":"bob"}' });

    const [toCoffee, toTea, later] = ["one", "two", "three"].map((text) => ({
      room: text === "one" ? "coffee" : "tea",
      name: "ann",
      text,
    }));
    expect(await say(toCoffee)).toBe(201);
    expect(await say(toTea)).toBe(201);
    expect(await ann.next()).toMatchObject({ data: JSON.stringify(toCoffee) });
    expect(await ann.next()).toMatchObject({ data: JSON.stringify(toTea) });
    expect(await bob.next()).toMatchObject({ data: JSON.stringify(toTea) });

    bob.cut();
    expect(await ann.next()).toMatchObject({ type: "left", data: '{"name":"bob"}' });
    await say(later);
    const heard = [await ann.next(), await ann.next()].map(({ data }) => data);
    expect(heard.sort()).toEqual(['{"name":"bob"}', JSON.stringify(later)]);
    expect(await bob.next()).toMatchObject({ data: JSON.stringify(later) });
  });

  it.each([
    null,
    {},
    { room: "tea", name: "ann", text: "" },
    { room: "a\nb", name: "c", text: "d" },
  ])("refuses what is no message: %j", async (message) => {
    expect(await say(message)).toBe(400);
  });

  describeBrowser("chromium", "in Chromium", () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await launch("chromium");
    });
    afterAll(() => browser.close());

    it("shows on its page what others say, and sends what is written", async () => {
      const page = await browser.newPage();
      await using other = await enter("other", "tea");
      expect(await other.next()).toMatchObject({ type: "ready" });
      await page.goto(example.url.href);
      expect(await other.next()).toMatchObject({ type: "joined" });
      await say({ room: "tea", name: "other", text: "<b>hello</b>" });
      expect((await other.next()).data).toContain("hello");
      await within(
        page.waitForFunction("document.body.innerText.includes('tea · other: <b>hello</b>')"),
        "message on the page",
      );
      await page.type("input", "hi");
      await page.click("button");
      expect(JSON.parse((await other.next()).data)).toMatchObject({ room: "tea", text: "hi" });
      await page.close();
      expect(await other.next()).toMatchObject({ type: "left" });
    });
  });

  it("ends with all of its streams when it is told to, and its clients get a time to return", async () => {
    await using visitor = await enter("ann", "tea");
    expect(await visitor.next()).toMatchObject({ type: "ready" });
    example.end();
    expect(await example.nextLine()).toBe("chat/server.js ended with 0");
  });
});
