import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { ESLint } from "eslint";
import { describe, expect, it } from "vitest";
import { ROOT } from "../support/build.ts";

const RULE = "@typescript-eslint/no-restricted-imports";
// The rule needs no types, and some of the files do not exist.
const eslint = new ESLint({
  cwd: ROOT,
  overrideConfig: { languageOptions: { parserOptions: { projectService: false } } },
  ruleFilter: ({ ruleId }) => ruleId === RULE,
});

/** What the linter says about a file of src that holds nothing but this; each complaint once. */
async function lint(file: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(`${code}\n`, { filePath: join(ROOT, "src", file) });
  // A file that is not looked at, or cannot be read, has messages without a rule.
  const said = result!.messages.map(({ ruleId, severity }) =>
    severity === 2 ? (ruleId ?? "cannot be linted") : "a mere warning",
  );
  return [...new Set(said)];
}

describe("the linter refuses", () => {
  it.each([
    ["core: an adapter", "core/a.ts", `import { a } from "../adapters/node/sink.ts";`],
    [
      "core: an adapter's types",
      "core/a.ts",
      `import type { A } from "../adapters/node/types.ts";`,
    ],
    ["core: a channel", "core/a.ts", `import { a } from "../channel/event-channel.ts";`],
    ["core: Redis", "core/a.ts", `import { a } from "../redis/client.ts";`],
    ["core: the endpoint", "core/a.ts", `import { a } from "../event-endpoint.ts";`],
    ["core: compat", "core/a.ts", `import { a } from "../compat/sse-event.ts";`],
    ["core: node:", "core/a.ts", `import { a } from "node:http";`],
    ["core: types of node:", "core/a.ts", `import type { A } from "node:http";`],
    ["core: Node without its prefix", "core/a.ts", `import { a } from "http";`],
    ["core: an adapter, exported on", "core/a.ts", `export { a } from "../adapters/node/sink.ts";`],
    ["core: all of it, exported on", "core/a.ts", `export * from "../adapters/fetch/sink.ts";`],
    ["core: an adapter's effects", "core/a.ts", `import "../adapters/fetch/sink.ts";`],

    ["Node: Fetch", "adapters/node/a.ts", `import { a } from "../fetch/sink.ts";`],
    ["Node: Fetch's types", "adapters/node/a.ts", `import type { A } from "../fetch/request.ts";`],
    ["Node: a channel", "adapters/node/a.ts", `import { a } from "../../channel/event-log.ts";`],
    ["Node: node:", "adapters/node/a.ts", `import { a } from "node:http";`],
    ["Node: node:, and a type", "adapters/node/a.ts", `import { a, type B } from "node:http";`],
    ["Node: the endpoint", "adapters/node/a.ts", `import { a } from "../../event-endpoint.ts";`],
    ["Fetch: Node", "adapters/fetch/a.ts", `import { a } from "../node/sink.ts";`],
    ["Fetch: a channel", "adapters/fetch/a.ts", `import { a } from "../../channel/event-log.ts";`],
    ["Fetch: node:", "adapters/fetch/a.ts", `import { a } from "node:stream/web";`],
    ["Fetch: types of node:", "adapters/fetch/a.ts", `import type { A } from "node:http";`],

    ["channel: an adapter", "channel/a.ts", `import { a } from "../adapters/node/sink.ts";`],
    ["channel: the endpoint", "channel/a.ts", `import { a } from "../event-endpoint.ts";`],
    ["channel: Redis", "channel/a.ts", `import { a } from "../redis/event-log.ts";`],
    ["channel: node:", "channel/a.ts", `import { a } from "node:events";`],
    ["Redis: an adapter", "redis/a.ts", `import { a } from "../adapters/node/sink.ts";`],
    ["Redis: a client", "redis/a.ts", `import { a } from "ioredis";`],
    ["Redis: a client's types", "redis/a.ts", `import type { A } from "redis";`],
    ["compat: an adapter", "compat/a.ts", `import { a } from "../adapters/node/sink.ts";`],
    ["compat: a channel", "compat/a.ts", `import { a } from "../channel/event-channel.ts";`],
    ["the endpoint: node:", "event-endpoint.ts", `import { a } from "node:http";`],
    ["the handler: types of node:", "event-handler.ts", `import type { A } from "node:http";`],

    ["core: an index file", "core/a.ts", `import { a } from "../index.ts";`],
    ["compat: the index file", "compat/a.ts", `import { a } from "../index.ts";`],
    ["compat: its own index file", "compat/a.ts", `import { a } from "./index.ts";`],
    ["the handler: the index file", "event-handler.ts", `import { a } from "./index.ts";`],
    ["the index file: another one", "index.ts", `export { a } from "./compat/index.ts";`],

    ["core: a test", "core/a.ts", `import { a } from "../../test/support/inbox.ts";`],
    ["the endpoint: a test", "event-endpoint.ts", `import { a } from "../test/support/inbox.ts";`],
    ["the endpoint: a bench", "event-endpoint.ts", `import { a } from "../bench/measure.js";`],
    ["the index file: a test", "index.ts", `export { a } from "../test/support/inbox.ts";`],

    ["core: a dependency", "core/a.ts", `import { a } from "eventsource-parser";`],
    ["Node: a dependency's types", "adapters/node/a.ts", `import type { A } from "express";`],
    ["the endpoint: a dependency", "event-endpoint.ts", `import a from "@scope/package/part";`],
    ["the index file: a dependency", "index.ts", `export { a } from "eventsource-parser";`],
    ["the package by its own name", "compat/a.ts", `import { a } from "event-endpoint";`],
  ])("%s", async (_name, file, code) => {
    expect(await lint(file, code)).toEqual([RULE]);
  });

  it("what lies outside, in every folder of src", async () => {
    const folders = await readdir(join(ROOT, "src"), { recursive: true, withFileTypes: true });
    const paths = folders
      .filter((entry) => entry.isDirectory() && entry.name !== "adapters")
      .map((entry) => join(entry.parentPath, entry.name).slice(join(ROOT, "src").length + 1));
    expect(paths).toContain("core");
    for (const path of paths) {
      const up = path.replace(/[^\\/]+/g, "..").replaceAll("\\", "/");
      const code = `import { a } from "${up}/elsewhere/a.ts";`;
      expect(await lint(join(path, "a.ts"), code), path).toEqual([RULE]);
    }
  });
});

describe("the linter allows", () => {
  it.each([
    ["core: itself", "core/a.ts", `import { a } from "./frame.ts";`],
    ["Node: core", "adapters/node/a.ts", `import { a } from "../../core/frame.ts";`],
    ["Node: itself", "adapters/node/a.ts", `import { a } from "./sink.ts";`],
    ["Node: types of node:", "adapters/node/a.ts", `import type { A } from "node:http";`],
    ["Node: types of node:, inline", "adapters/node/a.ts", `import { type A } from "node:http";`],
    ["Fetch: core", "adapters/fetch/a.ts", `import { a } from "../../core/frame.ts";`],
    ["channel: core", "channel/a.ts", `import { a } from "../core/frame.ts";`],
    ["Redis: a channel", "redis/a.ts", `import { a } from "../channel/event-log.ts";`],
    ["Redis: core", "redis/a.ts", `import { a } from "../core/errors.ts";`],
    ["compat: the endpoint", "compat/a.ts", `import { a } from "../event-endpoint.ts";`],
    ["compat: core", "compat/a.ts", `import { a } from "../core/events.ts";`],
    ["compat, index: itself", "compat/index.ts", `export { a } from "./sse-event.ts";`],
    ["compat, index: core", "compat/index.ts", `export { a } from "../core/events.ts";`],
    ["the endpoint: Node", "event-endpoint.ts", `import { a } from "./adapters/node/sink.ts";`],
    ["the endpoint: Fetch", "event-endpoint.ts", `import { a } from "./adapters/fetch/sink.ts";`],
    ["the endpoint: core", "event-endpoint.ts", `import { a } from "./core/stream.ts";`],
    ["the handler: the endpoint", "event-handler.ts", `import { a } from "./event-endpoint.ts";`],
    ["the index file: core", "index.ts", `export { a } from "./core/errors.ts";`],
    ["the index file: a channel", "index.ts", `export { a } from "./channel/event-log.ts";`],
    ["the index file: the endpoint", "index.ts", `export { a } from "./event-endpoint.ts";`],
  ])("%s", async (_name, file, code) => {
    expect(await lint(file, code)).toEqual([]);
  });
});
