import type { Browser, Page } from "puppeteer-core";
import { vi } from "vitest";

export type Adapter = "node" | "fetch";

/** A row of the list of events. `number` is what the publisher counted; not all events have one. */
export interface Row {
  kind: string;
  id: string;
  data: string;
  number: number | undefined;
  isReplay: boolean;
}

/** What a visitor sees, all of it at one moment. Lists are newest first. */
export interface View {
  title: string;
  state: string;
  note: string;
  code: string;
  answer: string;
  lastId: string;
  seenId: string;
  connections: number;
  members: string;
  received: number;
  replayed: number;
  missing: string;
  doubled: string;
  cpu: string;
  chart: { label: string; cpuLine: string; memoryLine: string; replayBand: string };
  messages: { from: string; text: string; isReplay: boolean }[];
  problem: string;
  events: Row[];
  log: { kind: string; text: string }[];
}

/** The demo's page in a browser, with what went over the network for it. */
export class DemoPage {
  /** What a developer would find in the console. */
  readonly faults: string[] = [];
  readonly #page: Page;
  #streams: { adapter: string; client: string; status: number }[] = [];

  private constructor(page: Page) {
    this.#page = page;
    page.on("console", (message) => this.faults.push(message.text()));
    page.on("pageerror", (error) => this.faults.push(String(error)));
    page.on("response", (response) => {
      const { pathname, searchParams } = new URL(response.url());
      const [, adapter] = /^\/events\/(.+)$/.exec(pathname) ?? [];
      if (adapter === undefined) return;
      this.#streams.push({
        adapter,
        client: searchParams.get("client") ?? "",
        status: response.status(),
      });
    });
  }

  /** Resolves once the page has an id and knows how many there are. */
  static async open(browser: Browser, address: URL, adapter: Adapter = "node"): Promise<DemoPage> {
    const page = new DemoPage(await browser.newPage());
    await page.#page.goto(address.href);
    await page.until((view) => view.lastId.includes("-") && view.members !== "–");
    await page.switchTo(adapter);
    return page;
  }

  /** The answers to all requests for a stream of this adapter, oldest first. */
  streams(adapter: Adapter): { client: string; status: number }[] {
    return this.#streams.filter((stream) => stream.adapter === adapter);
  }

  read(): Promise<View> {
    return this.#page.evaluate(() => {
      const text = (selector: string, parent: ParentNode = document) =>
        parent.querySelector(selector)?.textContent ?? "";
      const tile = (id: string) => document.getElementById(id)?.parentElement?.innerText ?? "";
      const attribute = (id: string, name: string) =>
        document.getElementById(id)?.getAttribute(name) ?? "";
      const list = <T>(id: string, toItem: (row: Element) => T) =>
        Array.from(document.querySelectorAll(`#${id} > li`), toItem);
      const isReplay = (row: Element) => text(".badge", row) === "replayed";
      return {
        title: document.title,
        state: text("#state"),
        note: text("#note"),
        code: text("#code"),
        answer: text("#answer"),
        lastId: text("#last-id"),
        seenId: text("#seen-id"),
        connections: Number(text("#connections")),
        members: tile("members").replace(/\s+/g, " "),
        received: Number(text("#received")),
        replayed: Number(text("#replayed")),
        missing: tile("missing").replace(/\s+/g, " "),
        doubled: tile("doubled").replace(/\s+/g, " "),
        cpu: text("#cpu"),
        chart: {
          label: attribute("chart", "aria-label"),
          cpuLine: attribute("cpu-line", "d"),
          memoryLine: attribute("memory-line", "d"),
          replayBand: attribute("replay-band", "d"),
        },
        messages: list("messages", (row) => ({
          from: text(".kind", row),
          text: text(".text", row),
          isReplay: isReplay(row),
        })),
        problem: text("#problem"),
        events: list("events", (row) => {
          const [, number] = /^\{"number":(\d+),/.exec(text(".data", row)) ?? [];
          return {
            kind: text(".kind", row),
            id: text(".id", row),
            data: text(".data", row),
            number: number === undefined ? undefined : Number(number),
            isReplay: isReplay(row),
          };
        }),
        log: list("log", (row) => ({
          kind: text(".kind", row),
          text: text(".content", row).trim(),
        })),
      };
    });
  }

  /** Waits until the page looks like this. */
  until(condition: (view: View) => boolean): Promise<View> {
    return vi.waitFor(
      async () => {
        const view = await this.read();
        if (condition(view)) return view;
        throw new Error(`Waited for ${String(condition)}: ${JSON.stringify(view, null, 2)}`);
      },
      { timeout: 10_000, interval: 50 },
    );
  }

  /** Uses a button as people do who have no mouse. */
  async press(id: "drop" | "forget" | "goodbye" | "again"): Promise<void> {
    await this.#page.bringToFront();
    await this.#page.focus(`#${id}`);
    await this.#page.keyboard.press(id === "forget" ? "Space" : "Enter");
  }

  /** Asks for a drop of one second; resolves when the stream has ended. */
  async drop(): Promise<View> {
    await this.#page.select("#seconds", "1");
    await this.press("drop");
    return this.until(({ state }) => state !== "OPEN");
  }

  async publish(text: string): Promise<void> {
    await this.#page.bringToFront();
    await this.#page.focus("#text");
    await this.#page.keyboard.type(text);
    await this.#page.keyboard.press("Enter");
  }

  /** Goes on over this adapter. */
  async switchTo(adapter: Adapter): Promise<void> {
    const isSelected = await this.#page.$(`input[value=${adapter}]:checked`);
    if (isSelected) return;
    const { connections } = await this.read();
    await this.#page.bringToFront();
    await this.#page.focus("input[name=adapter]:checked");
    await this.#page.keyboard.press("ArrowRight");
    await this.until((view) => view.connections > connections && view.note.startsWith("Back"));
  }

  /** From now on, the page's new streams bring this id, whatever the page knows. */
  async forgeLastEventId(id: string): Promise<void> {
    await this.#page.setRequestInterception(true);
    this.#page.on("request", (request) => {
      const url = new URL(request.url());
      if (url.searchParams.has("lastEventId")) url.searchParams.set("lastEventId", id);
      void request.continue({ url: url.href });
    });
  }

  async look(width: number, colorScheme: string): Promise<void> {
    await this.#page.setViewport({ width, height: 800 });
    await this.#page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: colorScheme }]);
  }

  /** By how many pixels the page, and the lists in it, are wider than their place. */
  readExcessWidths(): Promise<number[]> {
    return this.#page.evaluate(() =>
      [document.documentElement, ...document.querySelectorAll(".scroll")].map(
        ({ scrollWidth, clientWidth }) => scrollWidth - clientWidth,
      ),
    );
  }

  /** What blinks or moves while the page connects. */
  async readAnimation(motion: "reduce" | "no-preference"): Promise<string> {
    await this.#page.emulateMediaFeatures([{ name: "prefers-reduced-motion", value: motion }]);
    return this.#page.evaluate(() => {
      const state = document.getElementById("state");
      if (!state) return "";
      state.dataset["state"] = "CONNECTING";
      return getComputedStyle(state, "::before").animationName;
    });
  }

  /** How many elements of this kind the lists have: what came as text must not become one. */
  countInLists(selector: string): Promise<number> {
    return this.#page.evaluate(
      (inner) => document.querySelectorAll(`.rows :is(${inner})`).length,
      selector,
    );
  }

  /** Where the focus goes with the tabulator key, by what a screen reader says, and how it is seen. */
  async tabThrough(): Promise<{ name: string; isVisible: boolean }[]> {
    const stops: { name: string; isVisible: boolean }[] = [];
    for (;;) {
      await this.#page.keyboard.press("Tab");
      const isVisible = await this.#page.evaluate(() => {
        const element = document.activeElement;
        if (!(element instanceof HTMLElement) || element === document.body) return null;
        const radio = element instanceof HTMLInputElement && element.type === "radio";
        const outlined = radio ? element.parentElement : element;
        return getComputedStyle(outlined ?? element).outlineStyle === "solid";
      });
      const name = await this.#readFocusedName();
      if (isVisible === null || stops.some((stop) => stop.name === name)) return stops;
      stops.push({ name, isVisible });
    }
  }

  /** Texts, in all three states, that stand out from what is behind them by less than 4.5 to 1. */
  readFaintTexts(): Promise<string[]> {
    return this.#page.evaluate(() => {
      const channels = (color: string) => (color.match(/[\d.]+/g) ?? []).map(Number);
      const luminance = (color: string) => {
        const [r = 0, g = 0, b = 0] = channels(color).map((value) => {
          const part = value / 255;
          return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const background = (element: Element | null): string => {
        if (!element) return "rgb(255, 255, 255)";
        const color = getComputedStyle(element).backgroundColor;
        return channels(color)[3] === 0 ? background(element.parentElement) : color;
      };
      const contrast = (element: Element) => {
        const [dark = 0, light = 0] = [getComputedStyle(element).color, background(element)]
          .map(luminance)
          .sort((a, b) => a - b);
        return (light + 0.05) / (dark + 0.05);
      };
      const faint = [];
      const state = document.getElementById("state");
      for (const name of ["CONNECTING", "OPEN", "CLOSED"]) {
        if (state) state.dataset["state"] = name;
        for (const element of document.body.querySelectorAll("*")) {
          const isText = Array.from(element.childNodes).some(
            (node) => node.nodeType === Node.TEXT_NODE && node.textContent?.trim(),
          );
          if (!isText || element.getClientRects().length === 0 || contrast(element) >= 4.5)
            continue;
          faint.push(`${name}: ${element.textContent}: ${contrast(element)}`);
        }
      }
      return faint;
    });
  }

  close(): Promise<void> {
    return this.#page.close();
  }

  /** Role and name of what has the focus, as the browser tells them to screen readers. */
  async #readFocusedName(): Promise<string> {
    const root = await this.#page.evaluateHandle(() => document.activeElement ?? document.body);
    const node = await this.#page.accessibility.snapshot({ root, interestingOnly: false });
    return node ? `${node.role}: ${node.name ?? ""}` : "";
  }
}
