import { build } from "esbuild";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, it } from "vitest";
import { installed, isInstalled } from "../compat/runtimes/runtime.ts";
import { channelStory } from "./channel-story.ts";
import { Example, EXAMPLES } from "./example.ts";
import { freePort } from "./free-port.ts";

const bun = installed("bun", "..", ".bin", "bun");
const deno = installed("deno", "..", ".bin", "deno");
const workerd = installed("workerd", "..", ".bin", "workerd");

/** A `describe` that says so when its runtime is missing; with `CI=true`, that is a failure. */
function describeWith(program: string, title: string, define: () => void): void {
  if (isInstalled({ program, args: [] })) {
    describe(title, define);
    return;
  }
  const fault = "not installed; npm --prefix test/compat install";
  if (process.env["CI"] === "true") {
    it(`${title}: the runtime is installed`, () => {
      throw new Error(fault);
    });
    return;
  }
  console.warn(`SKIPPED: ${title}: ${fault}`);
  describe.skip(title, define);
}

describeWith(bun, "bun.js", () => {
  channelStory(() => Example.start("bun.js", { command: [bun] }));
});

describeWith(bun, "hono-bun.js", () => {
  channelStory(() => Example.start("hono-bun.js", { command: [bun] }));
});

describeWith(deno, "deno.js", () => {
  const command = [deno, "run", "--allow-net", "--allow-env"] as const;
  channelStory(() => Example.start("deno.js", { command }));
});

describeWith(workerd, "worker/index.js", () => {
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
    const url = new URL(`http://127.0.0.1:${await freePort()}/events`);
    const command = [workerd, "serve", `--socket-addr=http=${url.host}`] as const;
    return Example.start("worker.capnp", { command, folder, url });
  });
});
