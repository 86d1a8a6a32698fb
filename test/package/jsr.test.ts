import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify, stripVTControlCharacters } from "node:util";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import tsup from "../../tsup.config.ts";
import { copyTree, listFiles, ROOT } from "../support/build.ts";
import { describeInstalled, installed } from "../support/installed.ts";
import type { Manifest } from "./consumer.ts";

const run = promisify(execFile);
const deno = installed("deno", "..", ".bin", "deno");

/** What JSR reads instead of `package.json`. */
interface JsrManifest {
  readonly version: string;
  readonly license: string;
  readonly exports: Record<string, string>;
  readonly publish: { readonly include: string[] };
}

const read = async (file: string) => JSON.parse(await readFile(join(ROOT, file), "utf8"));

describe("jsr.json", () => {
  let jsr: JsrManifest;
  let npm: Manifest & { readonly files: string[] };
  beforeAll(async () => {
    jsr = await read("jsr.json");
    npm = await read("package.json");
  });

  it("has the version and the licence of package.json", () => {
    const { version, license } = npm;
    expect(jsr).toMatchObject({ version, license });
  });

  it("exports the sources of what package.json exports", () => {
    const keys = Object.keys(npm.exports).filter((key) => key !== "./package.json");
    const sources = tsup as { entry: Record<string, string> };
    const expected = keys.map((key) => [
      key,
      `./${sources.entry[key === "." ? "index" : key.slice(2)]}`,
    ]);
    expect(jsr.exports).toEqual(Object.fromEntries(expected));
  });

  it("publishes what npm packs, but for what is built from it", () => {
    // These two, npm packs by itself.
    const files = [...npm.files, "LICENSE", "README.md"].filter((name) => name !== "dist");
    expect([...jsr.publish.include].sort()).toEqual(files.sort());
  });
});

describeInstalled(deno, "what JSR would publish", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "event-endpoint-jsr-"));
    const { publish } = (await read("jsr.json")) as JsrManifest;
    await copyTree(ROOT, folder, (path) => publish.include.includes(path.split(/[\\/]/)[0]!));
    await cp(join(ROOT, "jsr.json"), join(folder, "jsr.json"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("is taken, and right for the compiler of Deno", async () => {
    const args = ["publish", "--dry-run", "--allow-dirty"];
    const { stdout, stderr } = await run(deno, args, { cwd: folder, timeout: 60_000 });
    expect(stripVTControlCharacters(stdout + stderr)).toContain("Dry run complete");
  });
});

describe("the sources", () => {
  it("have a type on everything that they export, to be read without the compiler", async () => {
    const found: string[] = [];
    for (const file of await listFiles(join(ROOT, "src"))) {
      const text = await readFile(join(ROOT, "src", file), "utf8");
      const { diagnostics = [] } = ts.transpileDeclaration(text, {
        fileName: file,
        reportDiagnostics: true,
        compilerOptions: { isolatedDeclarations: true, target: ts.ScriptTarget.ES2022 },
      });
      for (const { start = 0, length = 0 } of diagnostics) {
        found.push(`${file}: ${text.slice(start, start + length)}`);
      }
    }
    expect(found).toEqual([]);
  });
});
