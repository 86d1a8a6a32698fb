import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildPackage, ROOT } from "../support/build.ts";

/** How often there is a sample in a demo that was made for tests. */
export const SAMPLE_MS = 250;
/** How long its clients wait before they come back, unless they were told another time. */
export const RECONNECTION_MS = 250;
/** What `npm run demo` needs besides the installed packages. */
const PARTS = ["package.json", "tsconfig.json", "tsup.config.ts", "src", "demo"];

/** The package, or what is needed of it, in a folder of its own. */
export interface PackageCopy {
  readonly folder: string;
  remove(): Promise<void>;
}

/** Puts the demo where it finds the built package as users do: among the installed ones. */
export async function installDemo(): Promise<PackageCopy> {
  const folder = await mkdtemp(join(tmpdir(), "event-endpoint-demo-"));
  await cp(join(ROOT, "demo"), join(folder, "demo"), { recursive: true });
  await hurry(folder);
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
  await mkdir(join(folder, "node_modules"));
  const target = join(folder, "node_modules", "event-endpoint");
  await symlink(await buildPackage(), target, "junction");
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/**
 * Copies the package into a folder of its own, because the demo builds it: `dist` may be in use by
 * other tests at this moment.
 */
export async function copyPackage(): Promise<PackageCopy> {
  const folder = await mkdtemp(join(tmpdir(), "event-endpoint-demo-"));
  for (const part of PARTS) await cp(join(ROOT, part), join(folder, part), { recursive: true });
  await hurry(folder);
  await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"), "junction");
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Makes a copy's times shorter: they are for people to watch, and tests only wait for them. */
async function hurry(folder: string): Promise<void> {
  for (const [file, before, after] of [
    ["demo/sampler.js", "INTERVAL_MS = 1000", `INTERVAL_MS = ${SAMPLE_MS}`],
    ["demo/server.js", "reconnectionTime: 1000", `reconnectionTime: ${RECONNECTION_MS}`],
  ] as const) {
    const path = join(folder, file);
    const code = await readFile(path, "utf8");
    if (!code.includes(before)) throw new Error(`${file} has no ${before}`);
    await writeFile(path, code.replace(before, after));
  }
}

/** A server that was started for a person at a terminal, and has said where it is. */
export class DemoProcess {
  /** What it printed until it was ready. */
  readonly output: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, output: string) {
    this.#child = child;
    this.output = output;
  }

  /** @param port the PORT of its environment; without, it has none */
  static async start(
    command: readonly string[],
    folder: string,
    port?: number,
  ): Promise<DemoProcess> {
    const env = { ...process.env, PORT: port === undefined ? "" : String(port), HOST: "" };
    const [program = "", ...args] = command;
    // In a group of its own, to be ended together with what it starts.
    const child = spawn(program, args, {
      cwd: folder,
      env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const end = () => endGroup(child, "SIGTERM");
    process.once("exit", end);
    child.once("close", () => process.off("exit", end));
    return new DemoProcess(child, await readUntilReady(child));
  }

  /** The address of the page, as printed. */
  get address(): URL {
    return new URL(/http:\S+\/$/m.exec(this.output)?.[0] ?? "");
  }

  /** The command for the stream, as printed. */
  get curl(): string {
    return /curl .*$/m.exec(this.output)?.[0] ?? "";
  }

  /** Ends it as Ctrl+C in a terminal does; resolves to its exit code when all of it is gone. */
  async stop(): Promise<number | null> {
    if (this.#child.exitCode !== null) return this.#child.exitCode;
    const closed = once(this.#child, "close");
    endGroup(this.#child, "SIGINT");
    const [code] = (await closed) as [number | null];
    return code;
  }
}

function endGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  process.kill(-child.pid, signal);
}

/** The last thing that it says is how to end it. */
function readUntilReady(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    let errors = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (errors += text));
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (output.includes("Ctrl+C")) resolve(output);
    });
    child.on("error", reject);
    child.on("close", (code) => {
      reject(new Error(`The demo ended with code ${code}.\n${output}\n${errors}`));
    });
  });
}
