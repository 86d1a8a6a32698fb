import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { buildPackage } from "../support/build.ts";

const run = promisify(execFile);

/** A project that has the package installed, and nothing else. */
export class Consumer implements AsyncDisposable {
  readonly folder: string;
  /** Where the package is installed. */
  readonly installed: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.installed = join(folder, "node_modules", "event-endpoint");
  }

  /** Installs the package as it would be published. */
  static async create(): Promise<Consumer> {
    const built = await buildPackage();
    const consumer = new Consumer(await mkdtemp(join(tmpdir(), "event-endpoint-consumer-")));
    await cp(built, consumer.installed, { recursive: true });
    // Without it, the consumer would be part of whatever package it lies in.
    await writeFile(join(consumer.folder, "package.json"), `{ "private": true }`);
    return consumer;
  }

  /** The `package.json` of the package. */
  async manifest(): Promise<Manifest> {
    return JSON.parse(await readFile(join(this.installed, "package.json"), "utf8")) as Manifest;
  }

  /** The entry points that are modules, as people write them. */
  async entryPoints(): Promise<string[]> {
    const keys = Object.keys((await this.manifest()).exports);
    return keys
      .filter((key) => !key.endsWith(".json"))
      .map((key) => "event-endpoint" + key.slice(1));
  }

  /** Runs a script in a process of its own and resolves to the JSON that it prints. */
  async run(type: "module" | "commonjs", script: string, cwd = this.folder): Promise<any> {
    const args = [`--input-type=${type}`, "--eval", script];
    // A script that does not end is a fault of the package: something that it started is running.
    const { stdout } = await run(process.execPath, args, { cwd, timeout: 10_000 });
    return JSON.parse(stdout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** What the tests read of a `package.json`. */
export interface Manifest extends Record<string, unknown> {
  readonly exports: Record<string, string | { readonly types: string; readonly default: string }>;
  readonly main: string;
  readonly types: string;
  readonly scripts: Record<string, string>;
}
