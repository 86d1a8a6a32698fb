import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { findFreePort } from "../support/free-port.ts";
import { findProgram } from "../support/program.ts";

/** A Redis of a test's own, in a folder of its own, on a port that was free. */
export class RedisServer {
  readonly port: number;
  readonly folder: string;
  readonly #args: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(port: number, folder: string, args: readonly string[]) {
    this.port = port;
    this.folder = folder;
    this.#args = args;
  }

  /** @param args more arguments of `redis-server`, such as `--appendonly yes` */
  static async start(...args: string[]): Promise<RedisServer> {
    const folder = await mkdtemp(join(tmpdir(), "event-endpoint-redis-"));
    const server = new RedisServer(await findFreePort(), folder, args);
    await server.restart();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Starts it again with the same data, after `kill()`. */
  async restart(): Promise<void> {
    const options = ["--port", `${this.port}`, "--dir", this.folder, "--save", ""];
    const path = findProgram("redis-server") ?? "redis-server";
    const child = spawn(path, [...options, "--bind", "127.0.0.1", ...this.#args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#process = child;
    let output = "";
    for await (const chunk of child.stdout) {
      output += String(chunk);
      if (output.includes("Ready to accept connections")) break;
    }
    if (!output.includes("Ready to accept connections")) throw new Error(output);
    child.stdout.resume();
  }

  /** Ends it as `kill` does. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    child.kill(signal);
    await exit;
  }

  /** Stops it without ending it, and lets it go on. */
  signal(name: "SIGSTOP" | "SIGCONT"): void {
    this.#process?.kill(name);
  }

  /** Runs commands as an operator would. */
  async command(...args: string[]): Promise<unknown> {
    const [name = "", ...rest] = args;
    const client = new Redis(this.url, { maxRetriesPerRequest: 1 });
    try {
      return await client.call(name, ...rest);
    } finally {
      client.disconnect();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGCONT");
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}
