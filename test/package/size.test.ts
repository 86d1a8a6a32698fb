import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Consumer } from "./consumer.ts";

/**
 * Bytes after gzip -9; 1 kB is 1000 B. They are what it weighs; the goal is 5_000 for
 * `EventEndpoint`, and 8_000 for everything, channel included.
 */
const ENDPOINT_LIMIT = 7_800;
const MAIN_ENTRY_LIMIT = 12_150;

let consumer: Consumer;
beforeAll(async () => {
  consumer = await Consumer.create();
});
afterAll(() => consumer[Symbol.asyncDispose]());

/** What a bundler makes of it. */
async function bundle(contents: string): Promise<{ code: string; size: number }> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: consumer.folder },
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    write: false,
    logLevel: "silent",
  });
  const [{ text, contents: bytes }] = outputFiles as [(typeof outputFiles)[0]];
  return { code: text, size: gzipSync(bytes, { level: 9 }).length };
}

describe("the size in a bundle", () => {
  it.each([
    ["EventEndpoint", `export { EventEndpoint } from "event-endpoint"`, ENDPOINT_LIMIT],
    ["all of the main entry", `export * from "event-endpoint"`, MAIN_ENTRY_LIMIT],
  ])("is within its limit: %s", async (name, contents, limit) => {
    const { code, size } = await bundle(contents);
    expect(code, "the bundle holds the endpoint").toContain("text/event-stream");
    const over = size - limit;
    expect(over, `${name} has ${size} B, ${over} B over its limit of ${limit} B`).toBeLessThan(1);
  });
});

describe("a bundler that shakes the tree", () => {
  it("keeps nothing of an entry point that is imported for nothing", async () => {
    const entryPoints = await consumer.entryPoints();
    expect(entryPoints).toContain("event-endpoint");
    for (const entryPoint of entryPoints) {
      expect((await bundle(`import "${entryPoint}"`)).code, entryPoint).toBe("");
    }
  });

  it("keeps nothing of what is imported and not used", async () => {
    const unused = `import { EventEndpoint, eventHandler } from "event-endpoint"; export {}`;
    expect((await bundle(unused)).code).toBe("");
  });
});
