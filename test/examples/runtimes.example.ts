import { build } from "esbuild";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { installed } from "../support/installed.ts";
import { channelStory } from "./channel-story.ts";
import { describeWith } from "../support/describe-with.ts";
import { Example, EXAMPLES } from "./example.ts";
import { findFreePort } from "../support/free-port.ts";

const bun = installed("bun", "..", ".bin", "bun");
const deno = installed("deno", "..", ".bin", "deno");
const workerd = installed("workerd", "..", ".bin", "workerd");

const INSTALL = "npm --prefix test/compat install --no-package-lock --no-audit --no-fund";

describeWith(bun, INSTALL, "bun.js", () => {
  channelStory(() => Example.start("bun.js", { command: [bun] }));
});

describeWith(bun, INSTALL, "hono-bun.js", () => {
  channelStory(() => Example.start("hono-bun.js", { command: [bun] }));
});

describeWith(deno, INSTALL, "deno.js", () => {
  const command = [deno, "run", "--allow-net", "--allow-env"] as const;
  channelStory(() => Example.start("deno.js", { command }));
});

describeWith(workerd, INSTALL, "worker/index.js", () => {
  let folder: string;
  afterAll(() => rm(folder, { recursive: true, force: true }));

  channelStory(async () => {
    folder = await mkdtemp(join(tmpdir(), "event-endpoint-worker-"));
    await cp(join(import.meta.dirname, "worker.capnp"), join(folder, "worker.capnp"));
    // As wrangler does.
    await build({
      entryPoints: [join(EXAMPLES, "worker/index.js")],
      outfile: join(folder, "index.js"),
      bundle: true,
      format: "esm",
      external: ["cloudflare:workers"],
    });
    const url = new URL(`http://127.0.0.1:${await findFreePort()}/events`);
    const command = [workerd, "serve", `--socket-addr=http=${url.host}`] as const;
    return Example.start("worker.capnp", { command, folder, url });
  });
});
