import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { ROOT } from "../support/build.ts";
import { within } from "../support/inbox.ts";
import { channelStory } from "./channel-story.ts";
import { Example, EXAMPLES } from "./example.ts";

const run = promisify(execFile);

describe("nest/", () => {
  channelStory(async () => {
    const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
    await run(process.execPath, [compiler, "-p", join(EXAMPLES, "nest"), "--noEmitOnError"]);
    return Example.start("nest/dist/main.js");
  });

  it("ends with its streams when it is told to", async () => {
    await using example = await Example.start("nest/dist/main.js");
    const response = await fetch(example.url);
    example.end();
    expect(await example.nextLine()).toBe("A stream ended: closed");
    // So that its client comes back to the next one, but not with all others at once.
    expect(await within(response.text(), "end of the stream")).toMatch(/\nretry: \d+\n\n$/);
    expect(await example.nextLine()).toMatch(/^nest\/dist\/main.js ended/);
  });
});
