import puppeteer, { type Browser } from "puppeteer-core";
import { describeWithProgram, findProgram } from "./program.ts";

export type BrowserName = "chromium" | "firefox";

const PROGRAMS: Record<BrowserName, readonly string[]> = {
  chromium: ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"],
  firefox: ["firefox-esr", "firefox"],
};

/** For machines without a display, a user or a network; nothing here changes what pages see. */
const CHROMIUM_ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-quic",
];

/**
 * Starts a headless browser with a profile of its own, which takes self-signed certificates. The
 * caller closes it.
 */
export async function launch(name: BrowserName): Promise<Browser> {
  const executablePath = findProgram(...PROGRAMS[name]);
  if (executablePath === undefined) throw new Error(`${name} is not in the PATH`);
  return puppeteer.launch({
    browser: name === "chromium" ? "chrome" : "firefox",
    executablePath,
    headless: true,
    acceptInsecureCerts: true,
    args: name === "chromium" ? CHROMIUM_ARGS : [],
  });
}

/** A `describe` whose tests need a browser; without it, as in {@link describeWithProgram}. */
export function describeBrowser(name: BrowserName, title: string, define: () => void): void {
  describeWithProgram(PROGRAMS[name], title, define);
}
