import { describe, expect, it } from "vitest";
import { type CloseEvent, EventEndpoint } from "../../src/index.ts";
import { within } from "../support/inbox.ts";

/** What the model found on Fetch: each opens with the operations that showed it. */
describe("a body that is read chunk by chunk", () => {
  // Was: BodySink.bufferedAmount is 1 - desiredSize - preamble, but desiredSize is 0 once the
  // stream is closed and null once it failed, which made 1, -1 or -2 of 0.
  it.each(["preamble first", "not at all"])(
    "leaves nothing buffered when it has ended, read %s",
    async (how) => {
      const events = new EventEndpoint(new Request("http://host/"));
      const reader = events.response.body!.getReader();
      if (how === "preamble first") await reader.read();
      void events.send("x");
      await events.close();
      while (!(await within(reader.read(), "chunk")).done);
      expect(events.bufferedAmount).toBe(0);
    },
  );

  it("lets send() go on as soon as less than the high-water mark waits", async () => {
    const events = new EventEndpoint(new Request("http://host/"), { highWaterMark: 100 });
    const reader = events.response.body!.getReader();
    await reader.read();
    let answer: boolean | undefined;
    for (const data of ["x".repeat(80), "y".repeat(80), "z"]) {
      void events.send(data).then((value) => (answer = value));
      await new Promise((resolve) => setImmediate(resolve));
    }
    answer = undefined;
    await reader.read();
    await reader.read();
    expect(events.bufferedAmount).toBe("data: z\n\n".length);
    await new Promise((resolve) => setImmediate(resolve));
    expect(answer).toBe(true);
    await reader.cancel();
  });

  // Was: BodySink.progress changes only in pull(), when the queue is empty: a client that reads all
  // the time, but never everything, is cut off as stalled.
  it("is not stalled while it is read, although something is always left", async () => {
    const events = new EventEndpoint(new Request("http://host/"), { stallTimeout: 200 });
    const closed = new Promise<CloseEvent>((resolve) => events.addEventListener("close", resolve));
    const reader = events.response.body!.getReader();
    await reader.read();
    const start = performance.now();
    for (let chunk = 0; chunk < 10; chunk++) {
      events.dispatchMessage("x".repeat(1000));
      await new Promise((resolve) => setImmediate(resolve));
    }
    // A chunk whenever another one comes: never empty, never more than eleven chunks.
    while (performance.now() - start < 1000 && !events.closed) {
      events.dispatchMessage("x".repeat(1000));
      await reader.read();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const wasClosed = events.closed;
    void events.close();
    while (!(await reader.read().catch(() => ({ done: true }))).done);
    expect((await within(closed, "close event")).code).toBe("closed");
    expect(wasClosed).toBe(false);
  });
});
