import type { Browser, Page } from "puppeteer-core";
import { vi } from "vitest";

export type Adapter = "node" | "fetch";

/** What a visitor sees, all of it at one moment. Lists are newest first, since the last switch. */
export interface View {
  state: string;
  note: string;
  code: string;
  answer: string;
  lastId: string;
  reconnects: string;
  seenId: string;
  cpu: string;
  chart: { label: string; cpuLine: string; memoryLine: string };
  events: { kind: string; id: string; data: string }[];
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

  static async open(browser: Browser, address: URL): Promise<DemoPage> {
    const page = new DemoPage(await browser.newPage());
    await page.#page.goto(address.href);
    await page.until((view) => view.events.length > 0);
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
      const attribute = (id: string, name: string) =>
        document.getElementById(id)?.getAttribute(name) ?? "";
      const events = Array.from(document.querySelectorAll("#events > li"), (row) => ({
        kind: text(".kind", row),
        id: text(".id", row),
        data: text(".data", row),
      }));
      const log = Array.from(document.querySelectorAll("#log > li"), (row) => ({
        kind: text(".kind", row),
        text: text(".content", row).trim(),
      }));
      const first = events.findIndex(({ kind, id }) => kind === "hello" && id.endsWith("-1"));
      const switched = log.findIndex((entry) => entry.text.startsWith("Over to"));
      return {
        state: text("#state"),
        note: text("#note"),
        code: text("#code"),
        answer: text("#answer"),
        lastId: text("#last-id"),
        reconnects: text("#reconnects"),
        seenId: text("#seen-id"),
        cpu: text("#cpu"),
        chart: {
          label: attribute("chart", "aria-label"),
          cpuLine: attribute("cpu-line", "d"),
          memoryLine: attribute("memory-line", "d"),
        },
        events: events.slice(0, first + 1),
        log: switched < 0 ? log : log.slice(0, switched),
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
      { timeout: 10_000, interval: 20 },
    );
  }

  /** Uses a button as people do who have no mouse. */
  async press(id: "drop" | "goodbye" | "again"): Promise<void> {
    await this.#page.focus(`#${id}`);
    await this.#page.keyboard.press("Enter");
  }

  /** Waits for the first event through this adapter. */
  async switchTo(adapter: Adapter): Promise<void> {
    const isSelected = await this.#page.$(`input[value=${adapter}]:checked`);
    if (isSelected) return;
    await this.#page.focus("input[name=adapter]:checked");
    await this.#page.keyboard.press("ArrowRight");
    const code = { node: "(req, res)", fetch: "(request)" }[adapter];
    await this.until((view) => view.code.includes(code) && view.lastId.includes("-"));
  }

  async look(width: number, colorScheme: string): Promise<void> {
    await this.#page.setViewport({ width, height: 800 });
    await this.#page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: colorScheme }]);
  }

  /** The width of all there is, which may be more than the window's. */
  readWidth(): Promise<number> {
    return this.#page.evaluate(() => document.documentElement.scrollWidth);
  }

  /** Where the focus goes with the tabulator key, and whether that can be seen. */
  async tabThrough(): Promise<{ name: string; isVisible: boolean }[]> {
    const stops: { name: string; isVisible: boolean }[] = [];
    for (;;) {
      await this.#page.keyboard.press("Tab");
      const stop = await this.#page.evaluate(() => {
        const element = document.activeElement;
        if (!(element instanceof HTMLElement) || element === document.body) return null;
        const outlined = element instanceof HTMLInputElement ? element.parentElement : element;
        return {
          name:
            element instanceof HTMLInputElement
              ? element.value
              : element.id || (element.getAttribute("aria-labelledby") ?? ""),
          isVisible: getComputedStyle(outlined ?? element).outlineStyle === "solid",
        };
      });
      if (!stop || stops.some(({ name }) => name === stop.name)) return stops;
      stops.push(stop);
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
}
