import type { Page } from "puppeteer-core";
import { Journal, nameIn, type Received } from "./journal.ts";
import { Reader } from "./readers.ts";

/** What the page keeps of one source; this part of the module's types exists in the browser. */
interface PageReader {
  readonly source: EventSource;
  readonly events: Received[];
  wake: () => void;
}
declare global {
  var readers: Record<string, PageReader> | undefined;
}

/** The `EventSource` of a browser. What it got is known once somebody waited for it. */
export class BrowserReader extends Reader {
  readonly #page: Page;
  readonly #name: string;
  readonly #opened: Promise<unknown>;
  #known = 0;

  constructor(page: Page, url: string, cursor: string) {
    super(new Journal(nameIn(new URL(url).pathname), cursor), cursor);
    this.#page = page;
    this.#name = url;
    this.#opened = page.evaluate(open, url);
  }

  override async until(place: number, what = "client"): Promise<void> {
    const arrived = this.#opened
      .then(() => this.#page.evaluate(waitFor, this.#name, place))
      .then((events) => {
        for (const event of events.slice(this.#known)) this.take(event);
        this.#known = Math.max(this.#known, events.length);
      });
    // A page that was closed meanwhile has nobody who waits for it.
    await Promise.race([arrived.catch(() => {}), super.until(place, what)]);
    await super.until(place, what);
  }

  close(): void {
    this.#page.evaluate(close, this.#name).catch(() => {}); // the page is closed
  }
}

/** Runs in the page. */
function open(url: string): void {
  const reader: PageReader = { source: new EventSource(url), events: [], wake: () => {} };
  (globalThis.readers ??= {})[url] = reader;
  for (const name of ["message", "ready", "resync"]) {
    reader.source.addEventListener(name, (event) => {
      const { type, data, lastEventId } = event as MessageEvent<string>;
      reader.events.push({ type, data, lastEventId });
      reader.wake();
    });
  }
}

/** Runs in the page. */
async function waitFor(url: string, place: number): Promise<Received[]> {
  const reader = globalThis.readers![url]!;
  const isThere = ({ lastEventId }: Received) => Number(/\d+$/.exec(lastEventId)) >= place;
  while (!reader.events.some(isThere)) {
    const wake = reader.wake;
    await new Promise<void>((resolve) => {
      reader.wake = () => {
        wake();
        resolve();
      };
    });
  }
  return reader.events;
}

/** Runs in the page. */
function close(url: string): void {
  globalThis.readers?.[url]?.source.close();
}
