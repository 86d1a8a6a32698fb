import { afterAll, beforeAll, expect, it } from "vitest";
import { closingId } from "./closing-id.ts";
import type { Example } from "./example.ts";
import { Visitor } from "./visitor.ts";

/** What is true of the examples of all frameworks, which serve a channel at one address. */
export function channelStory(start: () => Promise<Example>): void {
  let example: Example;
  beforeAll(async () => {
    example = await start();
  });
  afterAll(() => example[Symbol.asyncDispose]());

  const nextEnd = () => example.nextLine(/^A stream ended: /);
  const open = (id = "") =>
    fetch(example.url, {
      headers: {
        Accept: "text/event-stream",
        Origin: "http://example.org",
        ...(id && { "Last-Event-ID": id }),
      },
    });
  const publish = async (text: string) => {
    // As `curl -d` does.
    const headers = { "Content-Type": "application/x-www-form-urlencoded" };
    const answer = await fetch(example.url, { method: "POST", headers, body: text });
    expect(answer.status).toBeLessThan(300);
    return answer.text();
  };

  it("opens a stream, and keeps the headers that were there", async () => {
    const response = await open();
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "text/event-stream",
      "cache-control": "no-cache, no-transform",
      "access-control-allow-origin": "*",
      "set-cookie": expect.stringMatching(/^seen=yes/),
    });
    expect(response.headers.has("content-encoding")).toBe(false);
    await response.body?.cancel();
    expect(await nextEnd()).toBe("A stream ended: client-left");
  });

  it("brings an EventSource every event once, also what it missed, and notices its end", async () => {
    {
      await using visitor = await Visitor.to(example.url, ["ready", "message"]);
      expect(await visitor.next()).toMatchObject({ type: "ready" });
      const id = await publish("one");
      expect(await visitor.next()).toEqual({ type: "message", data: "one", id });
      visitor.cut();
      expect(await nextEnd()).toBe("A stream ended: client-left");
      await publish("two");
      expect(await visitor.next()).toMatchObject({ data: "two" });
      await publish("three");
      expect(await visitor.next()).toMatchObject({ data: "three" });
    }
    expect(await nextEnd()).toBe("A stream ended: client-left");
  });

  it("stops a client that was told to stop, and keeps the headers for it", async () => {
    const response = await open(await closingId());
    expect(response.status).toBe(204);
    expect(await response.text()).toBe("");
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    expect(response.headers.has("content-type")).toBe(false);
  });
}
