import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listFiles } from "../support/build.ts";
import { Consumer } from "./consumer.ts";

/** Texts of the core that survive any build: its response header, and the key of its shared state. */
const MARKERS = ["X-Accel-Buffering", "event-endpoint.shared."];

let consumer: Consumer;
/** The built files, by name. */
let files: Map<string, string>;
beforeAll(async () => {
  consumer = await Consumer.create();
  const dist = join(consumer.installed, "dist");
  const read = async (name: string) => [name, await readFile(join(dist, name), "utf8")] as const;
  files = new Map(await Promise.all((await listFiles(dist)).map(read)));
});
afterAll(() => consumer[Symbol.asyncDispose]());

describe("the core of all entry points", () => {
  it("has the same classes behind every name", async () => {
    const script = `
      import * as main from "event-endpoint";
      import * as compat from "event-endpoint/compat";
      import { createRequire } from "node:module";
      const require = createRequire(process.cwd() + "/");
      const target = new compat.ServerSentEventStreamTarget();
      const required = require("event-endpoint");
      console.log(JSON.stringify({
        sameEvent: compat.ServerSentEvent === main.ServerSentEvent,
        oakEvent: new compat.OakServerSentEvent("a", 1) instanceof main.ServerSentEvent,
        target: target instanceof main.EventEndpoint,
        required: target instanceof required.EventEndpoint,
        handled: main.eventHandler((events) => {
          if (!(events instanceof required.EventEndpoint)) throw new Error("another class");
        })(new Request("http://localhost")).status,
      }));
      target.close();
      process.exit(); // the stream of the handler stays open
    `;
    expect(await consumer.run("module", script)).toEqual({
      sameEvent: true,
      oakEvent: true,
      target: true,
      required: true,
      handled: 200,
    });
  });

  it.each(MARKERS)("is in one file, which is no entry point: %s", (marker) => {
    const holders = [...files].filter(
      ([name, text]) => name.endsWith(".js") && text.includes(marker),
    );
    expect(holders.map(([name]) => name)).toEqual([expect.stringMatching(/^chunk-/)]);
  });

  it("was built from every source file once", async () => {
    const sources = [...files]
      .filter(([name]) => name.endsWith(".js.map"))
      .flatMap(([, text]) => (JSON.parse(text) as { sources: string[] }).sources)
      .map((path) => path.replace("../src/", ""));
    expect(sources).toContain("core/stream.ts");
    expect(sources.filter((path, index) => sources.indexOf(path) !== index)).toEqual([]);
    // Whatever is not built has types only.
    const src = join(consumer.installed, "src");
    for (const path of await listFiles(src)) {
      if (sources.includes(path) || path.endsWith("index.ts")) continue;
      const code = await readFile(join(src, path), "utf8");
      expect(code, path).not.toMatch(/^export (abstract class|class|function|const|let)/m);
    }
  });

  it("is declared once, too", () => {
    const declarations = [...files].filter(
      ([name, text]) => name.endsWith(".d.ts") && /^declare class EventEndpoint</m.test(text),
    );
    expect(declarations).toHaveLength(1);
  });
});
