import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { closingId } from "./closing-id.ts";
import { Example } from "./example.ts";
import { Visitor } from "./visitor.ts";

describe("lambda.js, in a stand-in for Lambda", () => {
  let example: Example;
  beforeAll(async () => {
    example = await Example.start("lambda-runtime.js", { folder: import.meta.dirname });
  });
  afterAll(() => example[Symbol.asyncDispose]());

  it("sends its head before the body, cookies apart, and stops when the client leaves", async () => {
    const response = await fetch(example.url);
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "text/event-stream",
      "access-control-allow-origin": "*",
      "set-cookie": "seen=yes",
    });
    await response.body?.cancel();
    expect(await example.nextLine()).toBe("A stream ended: client-left");
  });

  it("ends before the function's timeout, and goes on where the client was", async () => {
    await using visitor = await Visitor.to(example.url);
    const ended = example.nextLine();
    let isOver = false;
    void ended.then(() => (isOver = true));
    let n = 0;
    const hear = async () => {
      n++;
      expect(await visitor.next()).toEqual({ type: "message", data: `number ${n}`, id: `${n}` });
    };
    while (!isOver) await hear();
    expect(await ended).toBe("A stream ended: max-duration");
    await hear();
    await hear();
    await visitor[Symbol.asyncDispose]();
    expect(await example.nextLine()).toBe("A stream ended: client-left");
  });

  it("says 204 to a client that was told to stop, although there is no body", async () => {
    const response = await fetch(example.url, { headers: { "Last-Event-ID": await closingId() } });
    expect(response.status).toBe(204);
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
  });
});
