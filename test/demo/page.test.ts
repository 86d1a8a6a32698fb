import type { Browser } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type BrowserName, describeBrowser, launch } from "../support/browser.ts";
import { type Adapter, DemoPage, type Row, type View } from "./demo-page.ts";
import {
  DemoProcess,
  installDemo,
  type PackageCopy,
  RECONNECTION_MS,
  SAMPLE_MS,
} from "./demo-process.ts";
import { Visitor } from "./visitor.ts";

const ADAPTERS = ["node", "fetch"] as const;
/** For a build on a machine that has a lot else to do. */
const BUILD_MS = 120_000;
const NONE_MISSING = "0 none lost";
const NONE_DOUBLED = "0 none twice";
const MARKUP = `<img src="/nothing" onerror="document.title='taken'"><b>bold</b>&amp;`;

let copy: PackageCopy;
let demo: DemoProcess;
/** Somebody without a browser, who publishes while pages are away. */
let visitor: Visitor;
let browser: Browser;
let pages: DemoPage[];

/** Browsers are slow to start: there is one for all tests of a kind. */
function describePage(name: BrowserName, title: string, define: () => void): void {
  describeBrowser(name, title, () => {
    beforeAll(async () => {
      browser = await launch(name);
    });
    afterAll(() => browser?.close());
    define();
  });
}

async function open(adapter?: Adapter): Promise<DemoPage> {
  const page = await DemoPage.open(browser, demo.address, adapter);
  pages.push(page);
  return page;
}

beforeAll(async () => {
  copy = await installDemo();
  demo = await DemoProcess.start(["node", "demo/server.js"], copy.folder, 0);
}, BUILD_MS);
afterAll(async () => {
  await demo?.stop();
  await copy?.remove();
});
beforeEach(async () => {
  pages = [];
  visitor = await Visitor.arrive(demo);
});
afterEach(async () => {
  await visitor.leave();
  for (const page of pages) await page.close();
  expect(pages.flatMap(({ faults }) => faults)).toEqual([]);
});

describePage("chromium", "the page of the demo", () => {
  describe.each(ADAPTERS)("over the %s adapter", (adapter) => {
    let page: DemoPage;
    const readStatuses = () => page.streams(adapter).map(({ status }) => status);

    beforeEach(async () => {
      page = await open(adapter);
    });

    it("draws samples from one stream, and lists its events with their ids", async () => {
      const before = await page.until(({ received }) => received > 1);
      const after = await page.until(({ received }) => received > before.received);

      expect(after).toMatchObject({ state: "OPEN", answer: "200 OK" });
      expectNoFault(after);
      const hello = after.events.find(({ kind }) => kind === "hello");
      expect(hello).toMatchObject({ id: "no id" });
      expect(hello?.data).toContain(`"adapter":"${adapter}"`);
      const newest = JSON.parse(after.events.find(({ kind }) => kind === "sample")!.data);
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

    it("proves that a drop loses nothing: what was missed is replayed, once", async () => {
      await page.until(({ received }) => received > 0);
      for (const round of [1, 2]) {
        const dropped = await page.drop();
        await visitor.publish(`while away ${round}`);
        const back = await page.until(({ note }) => note.startsWith("Back."));
        // The first event that is not a replay: now all of it has come.
        const after = await page.until(({ received }) => received > back.received);

        expect(dropped.state).toBe("CONNECTING");
        expect(back.seenId).toBe(dropped.lastId);
        expect(after.messages[0]).toEqual({
          from: `Tab ${visitor.number}`,
          text: `while away ${round}`,
          isReplay: true,
        });
        expect(after.events.filter(({ isReplay }) => isReplay)).toHaveLength(after.replayed);
        expect(back.note).toMatch(/^Back\. \d+ events? replayed: \d+(–\d+)?\.$/);
        expectNoFault(after);
      }
      const { log, chart } = await page.read();
      const drop = ["replay", "hello", "open", "error", "button"];
      expect(log.map(({ kind }) => kind).slice(0, 10)).toEqual([...drop, ...drop]);
      expect(chart.label).toContain("CPU");
      expect(readStatuses()).toEqual([200, 200, 200]);
    });

    it("shows a goodbye, the 204 and CLOSED, and asks no more until it is told to", async () => {
      await page.press("goodbye");
      const goodbye = await page.until(({ events }) => events.some(({ kind }) => kind === "close"));
      expect(goodbye.events[0]).toMatchObject({
        id: expect.stringMatching(/^evt-closed\./),
        data: "(empty data)",
      });
      expect(goodbye.lastId).toBe(goodbye.events[0]!.id);

      const { state, log } = await page.until(({ answer }) => answer === "204 No Content");
      expect(state).toBe("CLOSED");
      expect(log.map(({ kind }) => kind).slice(0, 4)).toEqual([
        "closed",
        "error",
        "close",
        "button",
      ]);
      expect(log[0]!.text).toContain(goodbye.lastId.slice(0, 20));
      expect(readStatuses()).toEqual([200, 204]);

      // Twice the reconnection time, by the server's clock.
      await visitor.takeSamples(1 + (2 * RECONNECTION_MS) / SAMPLE_MS);
      await visitor.publish("while closed");
      expect(readStatuses()).toEqual([200, 204]);
      expect((await page.read()).state).toBe("CLOSED");

      await page.press("again");
      const after = await page.until(({ messages }) => messages.length > 0);
      expect(after).toMatchObject({ state: "OPEN", answer: "200 OK" });
      expect(after.messages).toMatchObject([{ text: "while closed", isReplay: true }]);
      expectNoFault(after);
      // Nothing of the goodbye is left: a drop is a drop again.
      await page.drop();
      await page.until(({ state }) => state === "OPEN");
      expect(readStatuses()).toEqual([200, 204, 200, 200]);
    });
  });

  it("shows what is missing when a tab has lost its last id: the counter does count", async () => {
    const page = await open();
    await page.until(({ received }) => received > 0);
    await page.press("forget");
    await page.drop();
    const number = await visitor.publish("that nobody replays");
    const back = await page.until(({ seenId }) => seenId === "none");
    const after = await page.until(({ received }) => received > back.received);

    const [, missing, from, to = from] = /^(\d+) (\d+)(?:–(\d+))?$/.exec(after.missing) ?? [];
    expect(Number(missing)).toBe(Number(to) - Number(from) + 1);
    expect(number).toBeGreaterThanOrEqual(Number(from));
    expect(number).toBeLessThanOrEqual(Number(to));
    expect(after.events.some((event) => event.number === number)).toBe(false);
    expect(after).toMatchObject({ messages: [], replayed: 0, doubled: NONE_DOUBLED });
    expect(after.log[0]).toMatchObject({ kind: "error", text: after.note });
    expect(after.note).toMatch(/^\d+ events? missing: \d+/);
    expect(after.log.map(({ kind }) => kind)).toContain("ready");
  });

  it("shows what comes twice when a tab brings an id that is too old", async () => {
    const page = await open();
    const { events } = await page.until(({ received }) => received > 2);
    const [third, second] = numbered(events).reverse();
    await page.forgeLastEventId(third!.id);
    await page.switchTo("fetch");
    const after = await page.until(({ doubled }) => doubled !== NONE_DOUBLED);
    expect(after.doubled).toContain(String(second!.number));
    expect(after.missing).toBe(NONE_MISSING);
  });

  it("shows the same stream in every tab, over whichever adapter", async () => {
    const [first, second] = [await open("node"), await open("fetch")];
    await second.publish("to all");
    const views = await Promise.all(
      [first, second].map((page) => page.until(({ messages }) => messages.length > 0)),
    );
    await visitor.takeSamples(2);

    const [, number] = /^Tab (\d+) /.exec(views[1]!.title) ?? [];
    expect(views.map(({ messages }) => messages)).toEqual([
      [{ from: `Tab ${number}`, text: "to all", isReplay: false }],
      [{ from: `Tab ${number} (this one)`, text: "to all", isReplay: false }],
    ]);
    // Two tabs, and the visitor.
    const lists = await Promise.all(
      [first, second].map((page) => page.until(({ members }) => members === "3 2 node, 1 fetch")),
    );
    const [mine, theirs] = lists.map(({ events }) => numbered(events));
    const shared = mine!.filter(({ id }) => theirs!.some((event) => event.id === id));
    expect(shared.length).toBeGreaterThan(1);
    for (const event of shared) {
      expect(theirs).toContainEqual({ ...event, isReplay: expect.any(Boolean) });
    }
    lists.forEach(expectNoFault);
  });

  it("says goodbye to one tab alone, although all have the same last id", async () => {
    const [stays, leaves] = [await open("node"), await open("node")];
    await leaves.press("goodbye");
    await leaves.until(({ state }) => state === "CLOSED");
    const before = await stays.until(({ members }) => members === "2 2 node, 0 fetch");
    // The one that stays comes back with an id that the other had, too.
    await stays.drop();
    await stays.until(({ state }) => state === "OPEN");
    const after = await stays.until(({ received }) => received > before.received + 1);

    expectNoFault(after);
    expect(stays.streams("node").map(({ status }) => status)).toEqual([200, 200]);
    expect(leaves.streams("node").map(({ status }) => status)).toEqual([200, 204]);
  });

  it("changes the adapter within the same channel, and loses nothing", async () => {
    const page = await open();
    await page.until(({ received }) => received > 0);
    for (const adapter of ["fetch", "node", "fetch"] as const) {
      await page.switchTo(adapter);
      const left = adapter === "fetch" ? "2 1 node, 1 fetch" : "2 2 node, 0 fetch";
      const { received } = await page.until(({ members }) => members === left);
      expectNoFault(await page.until((view) => view.received > received));
    }
  });

  it("shows a message as text, whatever is in it", async () => {
    const page = await open();
    await visitor.publish(MARKUP);
    const view = await page.until(({ messages }) => messages.length > 0);
    await visitor.takeSamples(1);
    expect(view.messages[0]).toMatchObject({ text: MARKUP });
    expect(view.events.find(({ kind }) => kind === "message")!.data).toContain("onerror");
    expect(await page.countInLists("img, b")).toBe(0);
    expect((await page.read()).title).toMatch(/^Tab \d+ · event-endpoint$/);
  });

  it("tells whoever publishes too fast, and publishes on afterwards", async () => {
    const page = await open();
    for (const text of ["1", "2", "3", "4", "5", "6", "7", "8"]) {
      if ((await page.read()).problem) break;
      await page.publish(text);
    }
    await page.until(({ problem }) => problem === "That is too fast, wait a second.");
    await visitor.takeSamples(2000 / SAMPLE_MS);
    // What was refused is still in the box.
    await page.publish("!");
    await page.until(({ messages, problem }) => problem === "" && messages[0]!.text.endsWith("!"));
    // Browsers tell developers about every 429.
    expect(page.faults.splice(0).join()).toMatch(/^[^,]*429[^,]*(,[^,]*429[^,]*)*$/);
  });

  it("fits small screens, and all of it can be read in light and dark", async () => {
    const page = await open();
    await page.until(({ received }) => received > 0);
    // Everything that can be there: a replay, a long message, a fault.
    await page.drop();
    await visitor.publish("unbroken".repeat(30));
    await page.until(({ messages }) => messages.length > 0);
    await page.press("forget");
    await page.drop();
    await visitor.publish("lost");
    await page.until(({ missing }) => missing !== NONE_MISSING);
    for (const [width, scheme] of [
      [320, "light"],
      [400, "dark"],
    ] as const) {
      await page.look(width, scheme);
      expect(await page.readExcessWidths()).toEqual([0, 0, 0, 0]);
      expect(await page.readFaintTexts()).toEqual([]);
    }
  });

  it("can be used with the keyboard alone, and says what is what", async () => {
    const page = await open();
    const stops = await page.tabThrough();
    expect(stops.map(({ name }) => name)).toEqual([
      "link: Open another tab",
      "radio: node:http adapter",
      "button: Drop me",
      "combobox: Time to be dropped for",
      "checkbox: and lose the last id",
      "button: Say goodbye",
      "button: Connect again",
      "textbox: Message to every tab",
      "button: Publish",
      "log: Publish to everybody",
      "region: Events, newest first",
      "region: What happened, newest first",
    ]);
    expect(stops.filter(({ isVisible }) => !isVisible)).toEqual([]);
  });

  it("moves nothing for those who do not want that", async () => {
    const page = await open();
    expect(await page.readAnimation("no-preference")).toBe("blink");
    expect(await page.readAnimation("reduce")).toBe("none");
  });

  it("comes back to a server that was restarted, and shows its resync", async () => {
    const first = await DemoProcess.start(["node", "demo/server.js"], copy.folder, 0);
    const page = await DemoPage.open(browser, first.address);
    try {
      const before = await page.until(({ received }) => received > 0);
      expect(await first.stop()).toBe(0);
      const port = Number(first.address.port);
      const second = await DemoProcess.start(["node", "demo/server.js"], copy.folder, port);
      try {
        const back = await page.until(({ events }) => events.some(({ kind }) => kind === "resync"));
        const resync = back.events.find(({ kind }) => kind === "resync")!;
        expect(JSON.parse(resync.data)).toEqual({ lastEventId: before.lastId });
        const after = await page.until(({ received }) => received > back.received);
        expect(after).toMatchObject({ missing: NONE_MISSING, doubled: NONE_DOUBLED });
        expect(after.log.map(({ kind }) => kind)).toContain("resync");
      } finally {
        await second.stop();
      }
    } finally {
      await page.close();
    }
  });
});

describePage("firefox", "the page of the demo in Firefox", () => {
  it("replays what a drop missed, and says goodbye to one tab alone", async () => {
    const [stays, leaves] = [await open("node"), await open("fetch")];
    await leaves.until(({ received }) => received > 0);
    await leaves.drop();
    await stays.publish("while away");
    const back = await leaves.until(({ messages }) => messages.length > 0);
    expect(back.messages).toMatchObject([{ text: "while away", isReplay: true }]);
    expectNoFault(await leaves.until(({ received }) => received > back.received));

    await leaves.press("goodbye");
    await leaves.until(({ answer, state }) => answer === "204 No Content" && state === "CLOSED");
    const { received } = await stays.until(({ members }) => members === "2 2 node, 0 fetch");
    expectNoFault(await stays.until((view) => view.received > received));
    // Firefox tells developers about a 204, and of a drop at times.
    const faults = leaves.faults.splice(0);
    expect(faults.filter((text) => !text.includes("Firefox can’t establish"))).toEqual([]);
  });
});

/** The events of the channel that have a place in its log, newest first. */
function numbered(events: Row[]): Row[] {
  return events.filter(({ number }) => number !== undefined);
}

/** The counters say so, and they are right: ids and numbers follow each other. */
function expectNoFault({ events, missing, doubled }: View): void {
  expect({ missing, doubled }).toEqual({ missing: NONE_MISSING, doubled: NONE_DOUBLED });
  const rows = numbered(events);
  const [newest] = rows;
  const epoch = newest!.id.slice(0, newest!.id.lastIndexOf("-"));
  const expected = rows.map((_row, i) => newest!.number! - i);
  expect(rows.map(({ number }) => number)).toEqual(expected);
  expect(rows.map(({ id }) => id)).toEqual(expected.map((number) => `${epoch}-${number}`));
}
