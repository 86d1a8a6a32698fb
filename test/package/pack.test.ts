import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, posix } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPackage, copyTree, listFiles, pack, ROOT } from "../support/build.ts";
import type { Manifest } from "./consumer.ts";

/** What people get besides the folders `dist` and `src`. */
const TEXTS = ["CHANGELOG.md", "LICENSE", "README.md", "package.json"];

interface SourceMap {
  readonly sources: readonly string[];
}

let folder: string;
/** What is in the repository, and what of it is packed. */
let present: string[];
let packed: string[];
beforeAll(async () => {
  const built = await buildPackage();
  folder = await mkdtemp(join(tmpdir(), "event-endpoint-pack-"));
  await copyTree(ROOT, folder);
  await cp(join(built, "dist"), join(folder, "dist"), { recursive: true });
  present = await listFiles(folder);
  const [{ files }] = await pack(folder, "--dry-run");
  packed = files.map(({ path }) => path).sort();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const inFolder = (name: string) => (path: string) => path.startsWith(`${name}/`);

describe("the package that is published", () => {
  it.each(["dist", "src"])("has all of %s", (name) => {
    expect(present.filter(inFolder(name))).not.toEqual([]);
    expect(packed.filter(inFolder(name))).toEqual(present.filter(inFolder(name)));
  });

  it("has the read-me, the changelog, the licence, and nothing else", () => {
    const others = packed.filter((path) => !inFolder("dist")(path) && !inFolder("src")(path));
    expect(others).toEqual(TEXTS);
  });

  it("has the sources that its source maps name, and a map for all of its code", async () => {
    const code = packed.filter((path) => path.endsWith(".js"));
    expect(packed.filter((path) => path.endsWith(".js.map"))).toEqual(
      code.map((path) => `${path}.map`),
    );
    const named = new Set<string>();
    for (const path of code) {
      const text = await readFile(join(folder, path), "utf8");
      expect(text.trimEnd().split("\n").at(-1)).toBe(`//# sourceMappingURL=${basename(path)}.map`);
      const map = JSON.parse(await readFile(join(folder, `${path}.map`), "utf8")) as SourceMap;
      for (const source of map.sources) named.add(posix.join(posix.dirname(path), source));
    }
    expect([...named].filter((path) => !packed.includes(path))).toEqual([]);
    expect(named).toContain("src/core/frame.ts");
  });

  it("has no tests", () => {
    expect(present.filter((path) => /\.test\.ts$/.test(path))).not.toEqual([]);
    expect(packed.filter((path) => /(^|\/)tests?\/|\.(test|spec)\./.test(path))).toEqual([]);
  });

  it("needs no other package, and runs nothing when it is installed", async () => {
    const text = await readFile(join(folder, "package.json"), "utf8");
    const manifest = JSON.parse(text) as Manifest;
    for (const kind of ["dependencies", "optionalDependencies", "peerDependencies"]) {
      expect(Object.keys(manifest[kind] ?? {}), kind).toEqual([]);
    }
    expect(manifest["bundleDependencies"] ?? manifest["bundledDependencies"] ?? []).toEqual([]);
    const scripts = Object.keys(manifest.scripts);
    expect(scripts.filter((name) => /^(pre|post)?install$|^prepare$/.test(name))).toEqual([]);
  });
});
