import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { channelStory } from "./channel-story.ts";
import { describeWith } from "../support/describe-with.ts";
import { Example, EXAMPLES } from "./example.ts";

const run = promisify(execFile);
const FOLDER = join(EXAMPLES, "next");
const INSTALL = "npm --prefix examples/next install --no-package-lock --no-audit --no-fund";

describeWith(join(FOLDER, "node_modules"), INSTALL, "next/", () => {
  channelStory(async () => {
    const env = { NEXT_TELEMETRY_DISABLED: "1" };
    const program = join(FOLDER, "node_modules/next/dist/bin/next");
    await run(process.execPath, [program, "build"], {
      cwd: FOLDER,
      env: { ...process.env, ...env, NODE_ENV: "production" },
    });
    const command = [process.execPath, program] as const;
    const example = await Example.start("start", { command, folder: FOLDER, env });
    return example.at("/events");
  });
});
