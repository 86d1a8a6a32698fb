import { build } from "esbuild";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "../../support/free-port.ts";
import { buildPackage } from "../../support/build.ts";
import { within } from "../../support/inbox.ts";

const HERE = import.meta.dirname;

/** How a runtime is started with one of the servers here. */
export interface Runtime {
  /** Its program; the folder of the package in `node_modules`, and the path within. */
  readonly program: string;
  readonly args: readonly string[];
  /** Whether it sees the end of a connection only when it writes the next time. */
  readonly seesFinLate?: boolean;
}

/** A server on some runtime, as a process of its own. */
export class RuntimeServer implements AsyncDisposable {
  readonly origin: string;
  readonly #child: ChildProcess;
  readonly #folder: string;
  #output = "";

  private constructor(port: number, child: ChildProcess, folder: string) {
    this.origin = `http://127.0.0.1:${port}`;
    this.#child = child;
    this.#folder = folder;
    child.stdout?.on("data", (chunk) => (this.#output += String(chunk)));
    child.stderr?.on("data", (chunk) => (this.#output += String(chunk)));
  }

  static async start({ program, args }: Runtime): Promise<RuntimeServer> {
    const folder = await mkdtemp(join(tmpdir(), "event-endpoint-runtime-"));
    await cp(HERE, folder, { recursive: true });
    await cp(await buildPackage(), join(folder, "node_modules", "event-endpoint"), {
      recursive: true,
    });
    await writeFile(join(folder, "package.json"), `{ "private": true, "type": "module" }`);
    // Workers come as one file.
    await build({
      entryPoints: [join(folder, "worker.js")],
      outfile: join(folder, "worker.js"),
      allowOverwrite: true,
      bundle: true,
      format: "esm",
    });
    const port = await findFreePort();
    const child = spawn(
      program,
      args.map((arg) => arg.replace("$PORT", `${port}`)),
      { cwd: folder, env: { ...process.env, PORT: `${port}` }, stdio: ["ignore", "pipe", "pipe"] },
    );
    const server = new RuntimeServer(port, child, folder);
    await within(server.#answers(), `server of ${program}: ${server.#output}`, 20_000);
    return server;
  }

  /** Whether the process is still there. */
  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What it wrote to its console. */
  get output(): string {
    return this.#output;
  }

  async #answers(): Promise<void> {
    while (this.isRunning) {
      const answer = await fetch(this.origin).catch(() => undefined);
      if (answer?.ok && (await answer.text()) === "ready") return;
    }
    throw new Error(`The server ended: ${this.#output}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isRunning) {
      const exit = once(this.#child, "exit");
      this.#child.kill("SIGKILL");
      await exit;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}
