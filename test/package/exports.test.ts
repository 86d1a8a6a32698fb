import { access } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Consumer, type Manifest } from "./consumer.ts";

/** What each entry point exports at run time. */
const NAMES: Record<string, string[]> = {
  "event-endpoint": [
    "CloseEvent",
    "EventChannel",
    "EventEndpoint",
    "EventEndpointError",
    "MemoryClosedClients",
    "MemoryEventLog",
    "ServerSentEvent",
    "eventHandler",
  ],
  "event-endpoint/redis": ["RedisClosedClients", "RedisEventLog"],
  "event-endpoint/compat": [
    "OakServerSentEvent",
    "SSEEvent",
    "SSEMessage",
    "ServerSentEvent",
    "ServerSentEventStreamTarget",
  ],
  "event-endpoint/testing": ["eventLogContract", "readEvents"],
};

let consumer: Consumer;
let manifest: Manifest;
beforeAll(async () => {
  consumer = await Consumer.create();
  manifest = await consumer.manifest();
});
afterAll(() => consumer[Symbol.asyncDispose]());

/** In a script: what `load` gives for every entry point. */
const printNames = (load: string) => `
  const names = {};
  for (const entryPoint of ${JSON.stringify(Object.keys(NAMES))}) {
    names[entryPoint] = Object.keys(${load}(entryPoint)).filter((name) => name !== "__esModule").sort();
  }
  console.log(JSON.stringify(names));
`;
const printImported = printNames("await (async (name) => import(name))");

describe("the entry points", () => {
  it("are the ones listed here, and package.json", async () => {
    expect(await consumer.entryPoints()).toEqual(Object.keys(NAMES));
    expect(Object.keys(manifest.exports)).toHaveLength(Object.keys(NAMES).length + 1);
    const manifestByName = `console.log(JSON.stringify(require("event-endpoint/package.json")))`;
    expect(await consumer.run("commonjs", manifestByName)).toEqual(manifest);
  });

  it("lead to files that are there, the types before the code", async () => {
    const paths = Object.entries(manifest.exports).flatMap(([key, target]) => {
      if (typeof target === "string") return [target];
      expect(Object.keys(target), key).toEqual(["types", "default"]);
      return Object.values(target);
    });
    expect(paths).toContain("./package.json");
    for (const path of paths) await access(join(consumer.installed, path));
  });

  it("lead old tools, which read `main` and `types`, to the main entry", () => {
    const { types, default: main } = manifest.exports["."] as Record<string, string>;
    expect({ main: manifest.main, types: manifest.types }).toEqual({ main, types });
  });

  it("export exactly the listed names to import()", async () => {
    expect(await consumer.run("module", printImported)).toEqual(NAMES);
  });

  it("export exactly the listed names to require()", async () => {
    expect(await consumer.run("commonjs", printNames("require"))).toEqual(NAMES);
  });

  it("export exactly the listed names inside the package, by its own name", async () => {
    expect(await consumer.run("module", printImported, consumer.installed)).toEqual(NAMES);
  });

  it("are the only ways in", async () => {
    const script = `
      const { code } = await import("event-endpoint/dist/index.js").catch((error) => error);
      console.log(JSON.stringify({ code }));
    `;
    expect(await consumer.run("module", script)).toEqual({ code: "ERR_PACKAGE_PATH_NOT_EXPORTED" });
  });
});
