import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { ROOT } from "../support/build.ts";
import { Inbox } from "../support/inbox.ts";

/** Where the examples are. */
export const EXAMPLES = join(ROOT, "examples");

/** How an example is run, if not by Node in its folder. */
export interface ExampleOptions {
  /** What runs it, and with which arguments. */
  readonly command?: readonly [program: string, ...args: string[]];
  readonly folder?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Where it will be, if it does not say so itself. */
  readonly url?: URL;
}

/** An example that runs, as it does for a person: it says where it is, and what happens. */
export class Example implements AsyncDisposable {
  /** Where it says it is. */
  readonly url: URL;
  readonly #child: ChildProcess;
  readonly #lines: Inbox<string>;

  private constructor(url: URL, child: ChildProcess, lines: Inbox<string>) {
    this.url = url;
    this.#child = child;
    this.#lines = lines;
  }

  /** Starts a file of the examples, on a port of its own, and waits until it says its address. */
  static async start(file: string, options: ExampleOptions = {}): Promise<Example> {
    const { command: [program, ...args] = [process.execPath], folder = EXAMPLES } = options;
    const child = spawn(program, [...args, file], {
      cwd: folder,
      env: { ...process.env, NODE_ENV: "production", PORT: "0", ...options.env },
      // In a group of its own, to be ended together with what it starts.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const lines = new Inbox<string>(`line of ${file}`);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    }
    readLines(child.stdout, (line) => lines.put(line));
    child.on("close", (code) => lines.put(`${file} ended with ${code}`));
    const ended = once(child, "close").then(([code]) => {
      throw new Error(`${file} ended with ${code}: ${output}`);
    });
    ended.catch(() => {}); // told to who waits for the address
    const { url } = options;
    const address = url ? listens(url) : readAddress(lines);
    try {
      return new Example(await Promise.race([address, ended]), child, lines);
    } catch (error) {
      await endGroup(child);
      throw new Error(`There is no example ${file}: ${output}`, { cause: error });
    }
  }

  /** The same, seen at another path. */
  at(path: string): Example {
    return new Example(new URL(path, this.url), this.#child, this.#lines);
  }

  /**
   * The next thing that it says, which is a failure if it does not come.
   *
   * @param pattern what it is about; frameworks have more to say
   */
  async nextLine(pattern = /^/): Promise<string> {
    for (;;) {
      const line = await this.#lines.take();
      if (pattern.test(line)) return line;
    }
  }

  /** Asks it to end, as a supervisor does. */
  end(): void {
    this.#child.kill("SIGTERM");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return endGroup(this.#child);
  }
}

async function readAddress(lines: Inbox<string>): Promise<URL> {
  for (;;) {
    const address = /https?:\/\/\S+/.exec(await lines.take(20_000))?.[0];
    if (address) return new URL(address);
  }
}

async function listens(url: URL): Promise<URL> {
  const endAt = performance.now() + 20_000;
  while (performance.now() < endAt) {
    const socket = connect(Number(url.port), url.hostname);
    const connected = await once(socket, "connect").catch(() => undefined);
    socket.destroy();
    if (connected) return url;
  }
  throw new Error(`Nobody listens at ${url.href}`);
}

function readLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = "";
  stream.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(onLine);
  });
}

async function endGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, "close");
  process.kill(-child.pid, "SIGKILL");
  await closed;
}
