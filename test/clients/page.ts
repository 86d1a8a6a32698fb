import type { Browser, Page } from "puppeteer-core";
import { within } from "../support/inbox.ts";
import type { Client, Happening, Source } from "./story.ts";

/** What the page keeps; this part of the module's types exists in the browser. */
interface PageState {
  log: Happening[];
  wake: () => void;
  source: EventSource;
}
declare global {
  var story: Record<string, PageState> | undefined;
}

/** As many tests as Vitest runs at a time (`maxConcurrency`). */
const PAGES = 5;

/**
 * The `EventSource` of a browser. Every server has a page of its own, because its clients are of
 * its origin. Pages are made one after the other and not closed: browsers mix up who asked.
 */
export class BrowserClient implements Client {
  readonly returnsAnyId = true;
  readonly #idle: Page[] = [];
  readonly #tabs = new Map<string, { page: Page; ready: Promise<unknown>; sources: number }>();
  #count = 0;

  async start(browser: Browser): Promise<void> {
    while (this.#idle.length < PAGES) this.#idle.push(await browser.newPage());
  }

  async connect(url: string, types: readonly string[]): Promise<Source> {
    const { origin } = new URL(url);
    const tab = this.#tabs.get(origin) ?? this.#open(origin);
    const { page } = tab;
    const name = `source ${++this.#count}`;
    tab.sources++;
    await tab.ready;
    await page.evaluate(openSource, name, url, [...types]);
    let taken = 0;
    let closed = false;
    return {
      next: () => within(page.evaluate(readLog, name, taken++), "event in the page"),
      close: async () => {
        if (closed) return;
        closed = true;
        await page.evaluate(closeSource, name);
        if (--tab.sources > 0) return;
        this.#tabs.delete(origin);
        this.#idle.push(page);
      },
    };
  }

  #open(origin: string) {
    const page = this.#idle.pop();
    if (!page) throw new Error("There are more servers at a time than pages");
    const tab = { page, ready: page.goto(`${origin}/page`), sources: 0 };
    this.#tabs.set(origin, tab);
    return tab;
  }
}

/** Runs in the page. */
function openSource(name: string, url: string, types: string[]): void {
  const source = new EventSource(url);
  const state: PageState = { log: [], wake: () => {}, source };
  (globalThis.story ??= {})[name] = state;
  for (const type of new Set(["open", "error", "message", ...types])) {
    source.addEventListener(type, (event) => {
      const { data, lastEventId } = event as MessageEvent<string>;
      const message = data === undefined ? {} : { data, lastEventId };
      state.log.push({ type, readyState: source.readyState, ...message });
      state.wake();
    });
  }
}

/** Runs in the page. */
async function readLog(name: string, index: number): Promise<Happening> {
  const state = globalThis.story![name]!;
  while (state.log.length <= index) await new Promise<void>((resolve) => (state.wake = resolve));
  return state.log[index]!;
}

/** Runs in the page. */
function closeSource(name: string): void {
  globalThis.story?.[name]?.source.close();
}
