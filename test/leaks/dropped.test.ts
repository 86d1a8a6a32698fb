import { build } from "esbuild";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { within } from "../support/inbox.ts";

/** Makes responses that nobody ever reads, and says how many of their endpoints are left. */
const program = (options: string, use: string) => `
  import v8 from "node:v8";
  import { EventChannel, EventEndpoint } from "./src/index.ts";
  const shutdown = new AbortController();
  const channel = new EventChannel();
  await (async () => {
    for (let i = 0; i < 100; i++) {
      const events = new EventEndpoint(new Request("http://host/"), ${options});
      ${use}
    }
    await channel.close();
  })();
  let alive = 100;
  for (let tries = 0; tries < 20 && alive > 0; tries++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 10));
    alive = v8.queryObjects(EventEndpoint);
  }
  // Both live as long as the process.
  const others = [shutdown.signal.aborted, channel.size];
  process.send({ alive, others }, () => process.disconnect());
`;

async function countAlive(options: string, use = ""): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "event-endpoint-dropped-"));
  try {
    const outfile = join(folder, "program.mjs");
    await build({
      stdin: { contents: program(options, use), resolveDir: process.cwd(), loader: "ts" },
      bundle: true,
      format: "esm",
      platform: "node",
      outfile,
    });
    const child = fork(outfile, { execArgv: ["--expose-gc", "--no-warnings"] });
    try {
      const [report] = (await within(once(child, "message"), "report", 20_000)) as [
        { alive: number },
      ];
      return report.alive;
    } finally {
      child.kill("SIGKILL");
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe("responses that a server drops without reading them", () => {
  it("are collected with their endpoints", async () => {
    expect(await countAlive("{ maxDuration: 3_600_000 }")).toBe(0);
  });

  it("are collected although their option `signal` lives as long as the server", async () => {
    expect(await countAlive("{ maxDuration: 100, signal: shutdown.signal }")).toBe(0);
  });

  it("are collected although the channel that they were in is held, closed", async () => {
    expect(await countAlive("{}", "void channel.add(events);")).toBe(0);
  });
});
