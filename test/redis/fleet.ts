import { type ChildProcess, fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { within } from "../support/inbox.ts";
import { findFaults } from "./checker.ts";
import { Visitor } from "./visitor.ts";

/** What a server process is told. */
export interface Plan {
  readonly url: string;
  /** The kind of its client. */
  readonly kind: string;
  /** The key of the channel. */
  readonly key: string;
}

/** What a server process says. */
export interface Report {
  readonly port?: number;
  readonly fault?: string;
}

interface Member {
  readonly child: ChildProcess;
  readonly port: number;
}

/** Some server processes behind one port, and clients that come to any of them. */
export class Fleet {
  /** What went wrong in the processes where nobody caught it. */
  readonly faults: string[] = [];
  /** What became of what was sent. */
  readonly outcomes = new Map<number, string>();
  readonly key = randomUUID();
  readonly #url: string;
  readonly #kinds: readonly string[];
  readonly #folder: string;
  readonly #members: Member[] = [];
  readonly #balancer: Server;
  readonly #visitors: Visitor[] = [];
  #started = 0;
  #turn = 0;
  #number = 0;
  #acknowledged = 0;
  #isTalking = false;
  #talk: Promise<void> | undefined;

  private constructor(url: string, kinds: readonly string[], folder: string) {
    this.#url = url;
    this.#kinds = kinds;
    this.#folder = folder;
    this.#balancer = createServer((client) => this.#pass(client, this.#members.length));
  }

  /** @param kinds the kind of client of each process */
  static async start(url: string, kinds: readonly string[]): Promise<Fleet> {
    const folder = await mkdtemp(join(tmpdir(), "event-endpoint-fleet-"));
    await build({
      entryPoints: [join(import.meta.dirname, "program.ts")],
      bundle: true,
      format: "cjs",
      platform: "node",
      target: "node20",
      logLevel: "error",
      outfile: join(folder, "program.cjs"),
    });
    const fleet = new Fleet(url, kinds, folder);
    await once(fleet.#balancer.listen(0, "127.0.0.1"), "listening");
    await Promise.all(kinds.map(() => fleet.add()));
    return fleet;
  }

  get port(): number {
    return (this.#balancer.address() as AddressInfo).port;
  }

  /** Starts one more process. */
  async add(): Promise<void> {
    const kind = this.#kinds[this.#started++ % this.#kinds.length]!;
    const plan: Plan = { url: this.#url, kind, key: this.key };
    const child = fork(join(this.#folder, "program.cjs"), [JSON.stringify(plan)]);
    const port = await new Promise<number>((resolve, reject) => {
      child.on("message", ({ port: listening, fault }: Report) => {
        if (listening !== undefined) resolve(listening);
        if (fault !== undefined) this.faults.push(fault);
      });
      child.on("exit", (code, signal) => {
        reject(new Error(`A server ended with ${signal ?? code}`));
      });
    });
    this.#members.push({ child, port });
  }

  /** Ends the process that is there for longest as a crash does. */
  async crash(): Promise<void> {
    const { child } = this.#members.shift()!;
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  }

  /** Ends it as a deployment does. It must end by itself. */
  async retire(): Promise<void> {
    const { child } = this.#members.shift()!;
    const exit = once(child, "exit") as Promise<[number | null]>;
    child.send("close");
    const [code] = await within(exit, "exit of a server by itself", 10_000);
    if (code !== 0) this.faults.push(`exit ${code}`);
  }

  /** Lets clients come, and waits until they have their place. */
  async invite(count: number): Promise<Visitor[]> {
    const visitors = Array.from({ length: count }, () => new Visitor(this.port));
    this.#visitors.push(...visitors);
    await Promise.all(visitors.map((each) => each.until("first event", () => true)));
    return visitors;
  }

  /** Sends one event after the other until told to stop. */
  talk(): void {
    this.#isTalking = true;
    this.#talk = (async () => {
      while (this.#isTalking) {
        await this.publish();
        await pause(5);
      }
    })();
  }

  /** Stops talking, and says what was wrong with what the clients got. */
  async findFaults(visitors: readonly Visitor[]): Promise<string[]> {
    this.#isTalking = false;
    await within(this.#talk ?? Promise.resolve(), "outcome of the last event", 10_000);
    await this.reach(visitors);
    const faults = visitors.flatMap(({ arrivals }) => findFaults(this.outcomes, arrivals));
    return [...new Set([...faults, ...this.faults])];
  }

  /** Waits until every client has an event that was sent from now on, within what is promised. */
  async reach(visitors: readonly Visitor[]): Promise<void> {
    const from = this.#number;
    let number = this.#isTalking ? from : await this.publish();
    // While somebody talks, another one would only be out of order.
    while (number <= from || this.outcomes.get(number) === "unknown") {
      if (this.#isTalking) await pause(10);
      number = this.#isTalking ? this.#acknowledged : await this.publish();
    }
    const isIt = ({ type, data }: { type: string; data: string }) =>
      type === "message" && Number(data) >= number;
    await Promise.all(visitors.map((each) => each.until(`event ${number}`, isIt, 6_000)));
  }

  /** Sends an event by any of the servers, and notes what became of it. Resolves to its number. */
  async publish(): Promise<number> {
    const number = ++this.#number;
    // Until there is word of it.
    this.outcomes.set(number, "unknown");
    const request = http.request({
      host: "127.0.0.1",
      port: this.port,
      method: "POST",
      path: `/${number}`,
      agent: false,
    });
    const outcome = new Promise<string>((resolve) => {
      request.on("response", (response) => {
        let id = "";
        response.on("data", (chunk) => (id += String(chunk)));
        response.on("end", () => resolve(response.statusCode === 200 ? id : "unknown"));
        response.on("error", () => resolve("unknown"));
      });
      request.on("error", () => resolve("unknown"));
    });
    request.end();
    this.outcomes.set(number, await within(outcome, `outcome of event ${number}`, 6_000));
    if (this.outcomes.get(number) !== "unknown") this.#acknowledged = number;
    return number;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isTalking = false;
    for (const visitor of this.#visitors) visitor.leave();
    await this.#talk?.catch(() => {});
    this.#balancer.close();
    while (this.#members.length > 0) await this.crash();
    await rm(this.#folder, { recursive: true });
  }

  /** Brings a client to the server whose turn it is, or to the next one that is there. */
  #pass(client: Socket, attempts: number): void {
    const member = this.#members[this.#turn++ % this.#members.length];
    client.on("error", () => {});
    if (!member || attempts === 0) return void client.destroy();
    const upstream = connect(member.port, "127.0.0.1");
    upstream.once("error", () => {
      if (upstream.bytesRead === 0 && !client.destroyed) this.#pass(client, attempts - 1);
      else client.destroy();
    });
    upstream.once("connect", () => {
      client.pipe(upstream).pipe(client);
      client.on("close", () => upstream.destroy());
      upstream.on("close", () => client.destroy());
    });
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
