import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { EventSourceParserStream } from "eventsource-parser/stream";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { within } from "../support/inbox.ts";
import { Example, EXAMPLES } from "./example.ts";

describe("tokens/", () => {
  let example: Example;
  beforeAll(async () => {
    example = await Example.start("tokens/server.js");
  });
  afterAll(() => example[Symbol.asyncDispose]());

  const ask = (body: string) => fetch(example.url, { method: "POST", body });

  it("shows what the client's program printed, and ends the model when it has enough", async () => {
    const args = ["tokens/client.js", example.url.href, "hi there", "6"];
    const client = spawn(process.execPath, args, {
      cwd: EXAMPLES,
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void client.kill());
    const [output, [code]] = await within(
      Promise.all([text(client.stdout), once(client, "close")]),
      "end of the client",
    );
    expect(output).toBe("You said: hi there. And so ");
    expect(code).toBe(0);
    expect(await stoppedAfter()).toBeLessThan(50);
  });

  it("answers a POST with tokens, and stops generating when its reader leaves", async () => {
    const response = await ask('{ "prompt": "hello" }');
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const events = response
      .body!.pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream())
      .getReader();
    const tokens = [];
    while (tokens.length < 3) {
      const { value } = await within(events.read(), "event");
      expect(value!.event).toBe("token");
      tokens.push(JSON.parse(value!.data));
    }
    expect(tokens).toEqual([
      { token: "You ", index: 0 },
      { token: "said: ", index: 1 },
      { token: "hello. ", index: 2 },
    ]);
    await events.cancel();
    expect(await stoppedAfter()).toBeLessThan(50);
  });

  it.each(["", "null", '{ "prompt": 1 }'])("refuses a body that is no prompt: %s", async (body) => {
    const response = await ask(body);
    expect(response.status).toBe(400);
    await response.text();
  });

  async function stoppedAfter(): Promise<number> {
    const line = await example.nextLine();
    return Number(/^The model stopped after (\d+) tokens$/.exec(line)?.[1]);
  }
});
