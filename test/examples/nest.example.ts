import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe } from "vitest";
import { ROOT } from "../support/build.ts";
import { channelStory } from "./channel-story.ts";
import { Example, EXAMPLES } from "./example.ts";

const run = promisify(execFile);

describe("nest/", () => {
  channelStory(async () => {
    const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
    await run(process.execPath, [compiler, "-p", join(EXAMPLES, "nest"), "--noEmitOnError"]);
    return Example.start("nest/dist/main.js");
  });
});
