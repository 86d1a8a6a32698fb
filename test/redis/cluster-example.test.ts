import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { EventSource } from "eventsource";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildPackage, ROOT } from "../support/build.ts";
import { Inbox, within } from "../support/inbox.ts";
import { describeWithProgram } from "../support/program.ts";

/** What a server says to who comes. */
interface Served {
  readonly name: string;
  readonly pid: number;
}

/** A client of the library `eventsource`, which comes back by itself. */
class Client {
  /** Who served it last. */
  server: Served | undefined;
  /** Whoever served it. */
  readonly served = new Inbox<Served>("word of a server");
  /** The messages that it got, in order. */
  readonly messages: string[] = [];
  /** The servers that sent them. */
  readonly senders = new Set<string>();
  readonly #source: EventSource;
  readonly #waiting = new Map<string, () => void>();

  constructor(address: string) {
    this.#source = new EventSource(`${address}events`);
    this.#source.addEventListener("served", ({ data }) => {
      this.server = JSON.parse(data) as Served;
      this.served.put(this.server);
    });
    this.#source.addEventListener("message", ({ data }) => {
      const { message, by } = JSON.parse(data) as { message: string; by: string };
      this.messages.push(message);
      this.senders.add(by);
      this.#waiting.get(message)?.();
    });
  }

  /** Waits for a message. */
  async until(message: string): Promise<void> {
    if (this.messages.includes(message)) return;
    const arrived = new Promise<void>((resolve) => this.#waiting.set(message, resolve));
    await within(arrived, `message ${message}`);
  }

  leave(): void {
    this.#source.close();
  }
}

/** Where the example finds the built package, as if it had been installed. */
let folder: string;
/** The temporary folder of the example: it must leave nothing there. */
let temporary: string;
let example: ChildProcess;
let output = "";
let address: string;
let clients: Client[];
let sent = 0;

/** Starts the example, with nothing to read from. */
function start(env: NodeJS.ProcessEnv): ChildProcess {
  return spawn(process.execPath, ["cluster/main.js"], {
    cwd: folder,
    env: { ...process.env, PORT: "0", TMPDIR: temporary, REDIS_URL: "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Resolves to the status. */
function post(path: string, body = ""): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { "Content-Type": "application/json" };
    const request = http.request(new URL(path, address), { method: "POST", headers, agent: false });
    request.on("error", reject).on("response", (response) => {
      text(response).then(() => resolve(response.statusCode!), reject);
    });
    request.end(body);
  });
}

/** Sends messages while something happens; those that were acknowledged, the last one surely. */
async function sendDuring(happening: Promise<unknown>): Promise<string[]> {
  const acknowledged: string[] = [];
  let isOver = false;
  const end = () => (isOver = true);
  happening.then(end, end);
  for (let isLast = false; !isLast;) {
    isLast = isOver;
    const message = `${++sent}`;
    const status = await post("messages", message).catch(() => 0);
    if (status === 200) acknowledged.push(message);
    else isLast = false;
  }
  await happening;
  return acknowledged;
}

/** Every client has every one of them once, in order. */
async function expectAll(acknowledged: readonly string[]): Promise<void> {
  for (const client of clients) {
    await client.until(acknowledged.at(-1)!);
    expect(client.messages.filter((each) => acknowledged.includes(each))).toEqual(acknowledged);
  }
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The server processes that were ever there. */
const pids = () => [...output.matchAll(/process (\d+)/g)].map(([, pid]) => Number(pid));

describeWithProgram(["redis-server"], "the example of a cluster", () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "event-endpoint-example-"));
    temporary = await mkdtemp(join(tmpdir(), "event-endpoint-example-tmp-"));
    await cp(join(ROOT, "examples/cluster"), join(folder, "cluster"), { recursive: true });
    await cp(join(ROOT, "examples/package.json"), join(folder, "package.json"));
    await mkdir(join(folder, "node_modules"));
    const link = (target: string, name: string) =>
      symlink(target, join(folder, "node_modules", name), "junction");
    await link(await buildPackage(), "event-endpoint");
    await link(join(ROOT, "node_modules/ioredis"), "ioredis");

    example = start({});
    example.stderr!.pipe(process.stderr);
    const ready = new Promise<void>((resolve) => {
      example.stdout!.setEncoding("utf8").on("data", (chunk: string) => {
        output += chunk;
        if (/Ctrl\+C/.test(output)) resolve();
      });
    });
    await within(ready, "address of the example", 20_000);
    address = /http:\S+/.exec(output)![0];
    clients = Array.from({ length: 4 }, () => new Client(address));
  });

  afterAll(async () => {
    for (const client of clients ?? []) client.leave();
    if (example?.exitCode === null) {
      const exit = once(example, "exit");
      example.kill("SIGTERM");
      await within(exit, "end of the example").catch(() => example.kill("SIGKILL"));
      for (const pid of pids()) if (isThere(pid)) process.kill(pid, "SIGKILL");
    }
    await rm(folder, { recursive: true, force: true });
    await rm(temporary, { recursive: true, force: true });
  });

  it("has a page", async () => {
    const response = await fetch(address, { headers: { Connection: "close" } });
    expect(await response.text()).toMatch(/^<!doctype html>/);
  });

  it("serves clients from both processes, and brings the events of each to all of them", async () => {
    const served = await Promise.all(clients.map((client) => client.served.take()));
    const names = new Set(served.map(({ name }) => name));
    expect(names.size).toBe(2);
    await expectAll(await sendDuring(post("messages", `${++sent}`)));
    for (const { senders } of clients) expect(senders).toEqual(names);
  });

  it("loses nothing when a process is killed, whose clients come to another one", async () => {
    const victim = clients[0]!.server!.pid;
    const orphans = clients.filter(({ server }) => server!.pid === victim);
    const rescue = Promise.all(orphans.map((client) => client.served.take()));
    process.kill(victim, "SIGKILL");
    await expectAll(await sendDuring(rescue));
    for (const { server } of orphans) expect(server!.pid).not.toBe(victim);
  });

  it("loses nothing when all processes are replaced", async () => {
    const before = pids();
    const moves = Promise.all(
      clients.map(async ({ served, server }) => {
        // It may come to one that is replaced next.
        for (let pid = server!.pid; before.includes(pid);) ({ pid } = await served.take());
      }),
    );
    expect(await post("roll")).toBe(202);
    await expectAll(await sendDuring(moves));
    for (const { server } of clients) expect(before).not.toContain(server!.pid);
  });

  it("ends with all of its processes when it is told to", async () => {
    const exit = once(example, "exit");
    example.kill("SIGTERM");
    expect(await within(exit, "end of the example")).toEqual([0, null]);
    expect(pids().filter(isThere)).toEqual([]);
    expect(await readdir(temporary)).toEqual([]);
  });

  it("says what is missing", async () => {
    const child = start({ PATH: folder });
    const [told, [code]] = await within(
      Promise.all([text(child.stderr!), once(child, "exit")]),
      "end of the example",
    );
    expect(told).toContain("no redis-server here");
    expect(code).toBe(1);
  });
});
