import { build } from "esbuild";
import { type ChildProcess, spawn } from "node:child_process";
import { onTestFinished } from "vitest";
import { Inbox } from "./inbox.ts";

const bundles = new Map<string, Promise<string>>();

export interface ChildOptions {
  /** What runs it: Node with flags of one's own, or something that runs Node. */
  readonly command?: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
}

/** One of our TypeScript programs in a process of its own, which talks to its test in messages. */
export class Child {
  readonly process: ChildProcess;
  readonly #messages: Inbox<unknown>;
  /** Rejects when it ends. */
  readonly ended: Promise<never>;

  private constructor(process_: ChildProcess, what: string) {
    this.process = process_;
    this.#messages = new Inbox(`message of ${what}`);
    process_.on("message", (message) => this.#messages.put(message));
    this.ended = new Promise((_, reject) => {
      process_.on("exit", (code, signal) => {
        reject(new Error(`${what} ended with ${signal ?? code}`));
      });
    });
    this.ended.catch(() => {}); // told to who waits for a message
  }

  /** Starts a program until the end of the test, with a plan in `process.argv[2]`. */
  static async start(file: string, plan: unknown, options: ChildOptions = {}): Promise<Child> {
    const code = await bundle(file);
    const [command, ...flags] = options.command ?? [process.execPath];
    const process_ = spawn(command, [...flags, "--input-type=module", "-", JSON.stringify(plan)], {
      stdio: ["pipe", "inherit", "inherit", "ipc"],
      env: { ...process.env, ...options.env },
    });
    // Also one that is stopped.
    onTestFinished(() => void process_.kill("SIGKILL"));
    process_.stdin!.end(code);
    return new Child(process_, file.replace(/.*[\\/]/, ""));
  }

  say(message: string | object): void {
    this.process.send(message);
  }

  /** The next thing that it says, which is a failure if it does not come. */
  take<T>(ms?: number): Promise<T> {
    return Promise.race([this.#messages.take(ms) as Promise<T>, this.ended]);
  }
}

/** A program with all that it imports. */
function bundle(file: string): Promise<string> {
  let code = bundles.get(file);
  if (!code) {
    code = build({
      entryPoints: [file],
      bundle: true,
      format: "esm",
      platform: "node",
      target: "node20",
      write: false,
    }).then(({ outputFiles }) => outputFiles[0]!.text);
    bundles.set(file, code);
  }
  return code;
}
