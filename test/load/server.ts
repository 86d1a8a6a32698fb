import { build } from "esbuild";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { within } from "../support/inbox.ts";
import type { Plan, Question, Report } from "./plan.ts";

/** A server under load, in a process of its own. */
export class LoadServer {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(plan: Plan): Promise<LoadServer> {
    const folder = await mkdtemp(join(tmpdir(), "event-endpoint-load-"));
    try {
      const outfile = join(folder, "program.mjs");
      await build({
        entryPoints: [join(import.meta.dirname, "program.ts")],
        bundle: true,
        format: "esm",
        platform: "node",
        target: "node20",
        outfile,
      });
      const child = fork(outfile, [JSON.stringify(plan)], { execArgv: ["--expose-gc"] });
      const [port] = (await within(once(child, "message"), "port", 20_000)) as [number];
      return new LoadServer(child, port);
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  async ask(question: Question): Promise<Report> {
    const answer = once(this.#child, "message");
    this.#child.send(question);
    const [report] = (await within(answer, "report of the server", 60_000)) as [Report];
    return report;
  }

  async stop(): Promise<void> {
    const exit = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exit;
  }
}
