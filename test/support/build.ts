import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The repository. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** What decides how the built package looks. */
const SOURCES = ["package.json", "package-lock.json", "tsup.config.ts", "tsconfig.json", "src"];
const TEXTS = ["LICENSE", "README.md", "CHANGELOG.md"];
const PREFIX = "event-endpoint-build-";
/** How long a build stays that nobody uses. */
const KEEP_MS = 3_600_000;
/** No build takes longer. */
const BUILD_MS = 60_000;

const run = promisify(execFile);
let built: Promise<string> | undefined;

/**
 * Builds the package and packs it, in a folder of its own: `dist` may be missing, old, or in use.
 * Resolves to the folder of the unpacked tarball, which is shared and not to be changed.
 *
 * The result is kept in the system's temporary folder under a hash of the sources, so that the
 * test files, which vitest runs in processes of their own, have one build between them. Of those
 * that start at once, one builds and the others wait.
 */
export function buildPackage(): Promise<string> {
  return (built ??= build());
}

async function build(): Promise<string> {
  const work = await mkdtemp(join(tmpdir(), `${PREFIX}work-`));
  try {
    const parts = new Set([...SOURCES, ...TEXTS]);
    // What is hashed is what is built, also while somebody edits the sources.
    const stage = join(work, "stage");
    await copyTree(ROOT, stage, (path) => parts.has(path.split(/[\\/]/)[0]!));
    const result = join(tmpdir(), PREFIX + (await hashTree(stage)));
    await lock(`${result}.lock`, async () => {
      // In use: nobody removes it.
      if (await exists(result)) return utimes(result, new Date(), new Date());
      await symlink(join(ROOT, "node_modules"), join(stage, "node_modules"), "junction");
      await npm(stage, "run", "--silent", "build", "--", "--silent");
      const [{ filename }] = await pack(stage);
      const unpacked = join(work, "unpacked");
      await mkdir(unpacked);
      await run("tar", ["-xzf", join(stage, filename), "-C", unpacked]);
      await removeOldBuilds();
      return rename(join(unpacked, "package"), result);
    });
    return result;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Runs what only one process may do at a time; one that died within keeps the others for a while. */
async function lock(folder: string, run: () => Promise<void>): Promise<void> {
  while (
    !(await mkdir(folder).then(
      () => true,
      () => false,
    ))
  ) {
    const { mtimeMs } = await stat(folder).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > BUILD_MS) await rm(folder, { recursive: true, force: true });
    await setTimeout(50);
  }
  try {
    await run();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What `npm pack --json` says about a tarball. */
export interface PackReport {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

/** Packs the package in a folder, without building it. */
export async function pack(folder: string, ...options: string[]): Promise<[PackReport]> {
  const output = await npm(folder, "pack", "--json", "--ignore-scripts", ...options);
  return JSON.parse(output) as [PackReport];
}

/** Copies a folder, except what git and npm put there; `test` is asked about every other path. */
export async function copyTree(
  from: string,
  to: string,
  test: (path: string) => boolean = () => true,
): Promise<void> {
  const generated = ["node_modules", "dist", ".git"];
  await cp(from, to, {
    recursive: true,
    filter: (path) =>
      path === from || (!generated.includes(basename(path)) && test(relative(from, path))),
  });
}

/** The files in a folder and below, sorted, with `/` between the names. */
export async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .sort();
}

async function hashTree(folder: string): Promise<string> {
  const hash = createHash("sha256");
  for (const path of await listFiles(folder)) {
    const content = await readFile(join(folder, path));
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex").slice(0, 32);
}

/** Without asking anything of the network. */
async function npm(folder: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, npm_config_offline: "true", npm_config_update_notifier: "false" };
  const shell = process.platform === "win32";
  return (await run("npm", args, { cwd: folder, env, shell })).stdout;
}

async function removeOldBuilds(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue;
    const path = join(tmpdir(), name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > KEEP_MS) await rm(path, { recursive: true, force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return (await readdir(dirname(path))).includes(basename(path));
}
