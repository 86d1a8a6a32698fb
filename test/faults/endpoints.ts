import { expect, onTestFinished } from "vitest";
import type { CloseEvent, EventEndpoint, EventEndpointOptions } from "../../src/index.ts";
import { Inbox, within } from "../support/inbox.ts";
import { settle } from "../support/process-watch.ts";
import { type BareStream, listen } from "./listen.ts";
import type { Protocol } from "./serve.ts";

/** Nothing that ends a stream but its client. */
export const UNLIMITED = { maxBufferedAmount: Infinity, stallTimeout: Infinity };

export interface Opened {
  readonly events: EventEndpoint;
  readonly closes: Inbox<CloseEvent>;
}

/** Serves endpoints until the end of the test; the options are for the one, then for the next. */
export async function serveEndpoints(protocol: Protocol, ...options: EventEndpointOptions[]) {
  const opened = new Inbox<Opened>("endpoint");
  const { port, close } = await listen(protocol, ({ endpoint }) => {
    const events = endpoint(options.length > 1 ? options.shift()! : options[0]!);
    const closes = new Inbox<CloseEvent>("close event");
    events.addEventListener("close", (event) => closes.put(event));
    opened.put({ events, closes });
  });
  onTestFinished(close);
  return { port, opened };
}

/** Serves streams that do not look, until the end of the test. */
export async function serveBare(protocol: Protocol) {
  const opened = new Inbox<BareStream>("stream");
  const { port, close } = await listen(protocol, ({ bare }) => opened.put(bare()));
  onTestFinished(close);
  return { port, opened };
}

/** It closes once, before all that was accepted was taken; whoever waited for it is told. */
export async function expectLoss(
  { events, closes }: Opened,
  code: string,
  sends: Promise<boolean>[],
): Promise<void> {
  expect(await closes.take()).toMatchObject({ code, wasClean: false });
  const answers = await within(Promise.all(sends), "answers of send()");
  expect(answers.at(-1)).toBe(false);
  // Those that did not wait were answered before.
  expect(answers.lastIndexOf(true)).toBeLessThan(answers.indexOf(false));
  expect(events.signal.aborted).toBe(true);
  expect(events.bufferedAmount).toBe(0);
  await settle();
  expect(closes.size).toBe(0);
}
