import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EventEndpoint } from "../../src/index.ts";
import { within } from "../support/inbox.ts";
import { type LeftoverWatch, watchLeftovers } from "../support/leftovers.ts";
import { RecordedStream, RecordingSink } from "../support/recording-sink.ts";

/** Leaves something behind, and returns what takes it away again. */
type Plant = () => (() => unknown) | Promise<() => unknown>;

/** What somebody holds, so that it is not collected. */
const held: unknown[] = [];
const letGo = () => (held.length = 0);

async function listen() {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  return server;
}

const PLANTS: [name: string, expected: RegExp, plant: Plant][] = [
  [
    "an endpoint that somebody holds, although it is closed",
    /^1 EventEndpoint$/,
    async () => {
      const events = new EventEndpoint(new Request("http://host/"));
      await events.close();
      await events.response.text();
      held.push(events);
      return letGo;
    },
  ],
  [
    "an endpoint that nobody holds but the one timer of all that are open",
    /^a timer, made at Scheduler/,
    () => {
      const sink = new RecordingSink();
      new RecordedStream(sink);
      return () => sink.owner.sinkClosed(true);
    },
  ],
  [
    "a timer that does not keep the process running",
    /^a timer, made at .*leftovers\.test/,
    () => {
      const timer = setTimeout(() => {}, 60_000).unref();
      return () => clearTimeout(timer);
    },
  ],
  [
    "an interval",
    /^a timer, made at .*leftovers\.test/,
    () => {
      const timer = setInterval(() => {}, 60_000);
      return () => clearInterval(timer);
    },
  ],
  [
    "a server",
    /^1 TCPServerWrap$/,
    async () => {
      const server = await listen();
      return () => server.close();
    },
  ],
  [
    "both ends of a connection",
    /^2 TCPSocketWrap$/,
    async () => {
      const server = await listen();
      const accepted = once(server, "connection");
      const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
      await once(socket, "connect");
      await accepted;
      server.close();
      return () => socket.destroy();
    },
  ],
  [
    "a process",
    /^1 ProcessWrap$/,
    () => {
      const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6)"], {
        stdio: "ignore",
      });
      return () => child.kill("SIGKILL");
    },
  ],
  [
    "a listener of the process",
    /^1 process\.on\(exit\)$/,
    () => {
      const listener = () => {};
      process.on("exit", listener);
      return () => process.off("exit", listener);
    },
  ],
];

describe("the look at what a test file leaves behind", () => {
  let watch: LeftoverWatch;
  beforeEach(() => void (watch = watchLeftovers()));
  afterEach(() => watch.stop());

  /** What it finds while the plant is there, which this function takes away. */
  async function findPlanted(plant: Plant): Promise<string[]> {
    const remove = await plant();
    const left = await watch.find(100);
    await remove();
    return left;
  }

  it.each(PLANTS)("finds %s, and nothing when it is gone", async (_name, expected, plant) => {
    expect(await findPlanted(plant)).toContainEqual(expect.stringMatching(expected));
    expect(await watch.find(5_000)).toEqual([]);
  });

  it("fails the file", async () => {
    const vitest = join(import.meta.dirname, "../../node_modules/vitest/vitest.mjs");
    const config = join(import.meta.dirname, "forgetful.config.ts");
    const child = spawn(process.execPath, [vitest, "run", "--config", config]);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (text) => (output += String(text)));
    }
    const [code] = (await within(once(child, "close"), "exit of vitest", 30_000)) as [number];
    expect(output).toMatch(/1 passed/);
    expect(output).toMatch(/This file leaves behind:\s+1 TCPServerWrap/);
    expect(code).toBe(1);
  });
});
