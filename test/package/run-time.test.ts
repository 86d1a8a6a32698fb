import { readFile } from "node:fs/promises";
import { join } from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listFiles } from "../support/build.ts";
import { Consumer } from "./consumer.ts";

let consumer: Consumer;
beforeAll(async () => {
  consumer = await Consumer.create();
});
afterAll(() => consumer[Symbol.asyncDispose]());

/** Everything that a file loads: by import, export, import(), require() or in a type. */
function readImports(name: string, code: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
      if (node.moduleSpecifier) found.push(textOf(node.moduleSpecifier));
    } else if (ts.isCallExpression(node)) {
      const callee = node.expression;
      const loads =
        callee.kind === ts.SyntaxKind.ImportKeyword ||
        /(^|\.)(require|createRequire|getBuiltinModule|importScripts)$/.test(callee.getText(file));
      if (loads) found.push(node.arguments[0] ? textOf(node.arguments[0]) : "");
    } else if (ts.isImportTypeNode(node)) {
      found.push(node.argument.getText(file));
    } else if (ts.isStringLiteralLike(node) && node.text.startsWith("node:")) {
      found.push(node.text); // however it is loaded
    }
    ts.forEachChild(node, visit);
  };
  const textOf = (node: ts.Node) => (ts.isStringLiteralLike(node) ? node.text : node.getText(file));
  const file = ts.createSourceFile(name, code, ts.ScriptTarget.Latest);
  visit(file);
  found.push(...file.typeReferenceDirectives.map((reference) => reference.fileName));
  return found;
}

describe("the built files", () => {
  it.each([
    ["code", ".js"],
    ["declarations", ".d.ts"],
  ])("load nothing but each other: %s", async (_kind, ending) => {
    const dist = join(consumer.installed, "dist");
    const names = await listFiles(dist);
    const loaded: string[] = [];
    for (const name of names.filter((name) => name.endsWith(ending))) {
      loaded.push(...readImports(name, await readFile(join(dist, name), "utf8")));
    }
    expect(loaded.length).toBeGreaterThan(0);
    const siblings = names.map((name) => `./${name.replace(/\.d\.ts$/, ".js")}`);
    expect(loaded.filter((specifier) => !siblings.includes(specifier))).toEqual([]);
  });

  it.each([
    [`import fs from "node:fs"`, "node:fs"],
    [`import "left-pad"`, "left-pad"],
    [`export * from "left-pad"`, "left-pad"],
    [`const fs = await import("fs")`, "fs"],
    [`const load = () => import(name)`, "name"],
    [`const fs = require("fs")`, "fs"],
    [`const fs = process.getBuiltinModule("fs")`, "fs"],
    [`const name = "node:fs"`, "node:fs"],
    [`let server: import("node:http").Server`, "node:http"],
    [`/// <reference types="node" />`, "node"],
  ])("would be caught if they did: %s", (code, specifier) => {
    expect(readImports("a.ts", code)).toContain(specifier);
  });
});

describe("importing the package", () => {
  /** Runs statements between two looks at the process, and resolves to what they changed. */
  const changesBy = (statements: string): Promise<string[]> =>
    consumer.run(
      "module",
      `
      const started = [];
      for (const name of ["setTimeout", "setInterval", "setImmediate", "queueMicrotask"]) {
        const original = globalThis[name];
        globalThis[name] = (...args) => (started.push(name), original(...args));
      }

      // Every global, and every member of it and of its prototype, with its value.
      function look() {
        // The files of the modules themselves may still be closing.
        const resources = process.getActiveResourcesInfo().filter((name) => !/^F|^Close/.test(name));
        const listeners = process.eventNames().map((name) => [String(name), process.listenerCount(name)]);
        const seen = new Map([["resources", resources.sort().join()], ["listeners", listeners.join()]]);
        const lookAt = (path, object, deep) => {
          for (const key of Reflect.ownKeys(object)) {
            const { value, get, set } = Object.getOwnPropertyDescriptor(object, key);
            const name = path + "." + String(key);
            for (const [kind, part] of Object.entries({ value, get, set })) seen.set(name + " " + kind, part);
            if (!deep || value === globalThis) continue;
            if (typeof value === "function" || typeof value === "object" && value !== null) lookAt(name, value, key !== "prototype");
            if (typeof value?.prototype === "object" && value.prototype !== null) lookAt(name + ".prototype", value.prototype, false);
          }
        };
        lookAt("globalThis", globalThis, true);
        return seen;
      }

      // What Node makes on first use is made now.
      for (const key of Reflect.ownKeys(globalThis)) void globalThis[key];
      await 0;
      look();
      const before = look();
      ${statements}
      const after = look();
      const names = new Set([...before.keys(), ...after.keys()]);
      const changed = [...names].filter((name) => !Object.is(before.get(name), after.get(name)));
      console.log(JSON.stringify([...started, ...changed]));
      `,
    );

  it("starts no timer and touches no global", async () => {
    const entryPoints = await consumer.entryPoints();
    expect(entryPoints).toContain("event-endpoint");
    const imports = entryPoints.map((name) => `await import(${JSON.stringify(name)});`);
    expect(await changesBy(imports.join("\n"))).toEqual([]);
  });

  it.each([
    [`globalThis[Symbol.for("x")] = 1`, "globalThis.Symbol(x) value"],
    [`globalThis.fetch = () => {}`, "globalThis.fetch value"],
    [`Event.prototype.x = 1`, "globalThis.Event.prototype.x value"],
    [`Response.json = null`, "globalThis.Response.json value"],
    [`setTimeout(() => {}, 0).unref()`, "setTimeout"],
    [`(await import("node:timers")).setTimeout(() => {}, 0)`, "resources"],
    [`process.on("exit", () => {})`, "listeners"],
  ])("would be caught if it did: %s", async (statement, change) => {
    expect(await changesBy(statement)).toContain(change);
  });
});
