import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import { within } from "../support/inbox.ts";
import { describeWithProgram } from "../support/program.ts";
import { expectLoss, type Opened, serveBare, serveEndpoints, UNLIMITED } from "./endpoints.ts";
import { PROTOCOLS } from "./listen.ts";
import { digest, type ReaderPlan, startReaders } from "./readers.ts";
import type { Protocol } from "./serve.ts";

const LIMIT = 1_048_576;
const FRAME = 65_536;
const block = "x".repeat(FRAME - "data: \n\n".length);
/** More than the system and a bridge take for somebody who does not read. */
const HUGE = 16 << 20;

/** Sends a block in each turn of the event loop until the endpoint closes. */
async function flood({ events }: Opened) {
  const sends: Promise<boolean>[] = [];
  let peak = 0;
  while (sends.length < 1_000 && !events.closed) {
    sends.push(events.send(block));
    peak = Math.max(peak, events.bufferedAmount);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { sends, peak };
}

type Stall = Pick<ReaderPlan, "window"> & { readonly stops?: boolean };

/** What keeps bytes from a client: the window of its stream, or the buffers of its connection. */
const stalls: [how: string, stall: Stall, protocols: Protocol[]][] = [
  ["never reads", {}, PROTOCOLS],
  ["never reads, however large its window", { window: 2 ** 30 }, ["HTTP/2"]],
  ["has a tiny window", { window: 1_024 }, ["HTTP/2"]],
  ["is stopped by SIGSTOP", { stops: true, window: 2 ** 30 }, PROTOCOLS],
];

async function startStalled(
  protocol: Protocol,
  port: number,
  { window, stops }: Stall = {},
  count = 1,
): Promise<void> {
  const plan = { protocol, port, count, rate: 0, ...(window !== undefined && { window }) };
  const { process } = await startReaders(plan);
  if (stops) process.kill("SIGSTOP");
}

describe.each(PROTOCOLS)("over %s, a reader that stalls", (protocol) => {
  it.each(stalls.filter(([, , protocols]) => protocols.includes(protocol)))(
    "and %s costs the limit and one frame, and is closed as slow, once",
    async (_how, stall) => {
      const { port, opened } = await serveEndpoints(protocol, {});
      await startStalled(protocol, port, stall);
      const endpoint = await opened.take();
      const { sends, peak } = await flood(endpoint);
      // Chunked coding adds a few bytes to each frame.
      expect(peak).toBeLessThanOrEqual(LIMIT + FRAME + 1_000);
      expect(peak).toBeGreaterThan(LIMIT);
      await expectLoss(endpoint, "slow-client", sends);
    },
  );

  it("is closed by its limit alone, without waiting for the clock", async () => {
    const { port, opened } = await serveEndpoints(protocol, { stallTimeout: Infinity });
    await startStalled(protocol, port);
    const endpoint = await opened.take();
    const { sends } = await flood(endpoint);
    await expectLoss(endpoint, "slow-client", sends);
  });

  it("is closed by the clock alone, whatever its limit; without either it stays", async () => {
    const clockAlone = { stallTimeout: 150, maxBufferedAmount: Infinity };
    const { port, opened } = await serveEndpoints(protocol, UNLIMITED, clockAlone);
    await startStalled(protocol, port, {}, 2);
    const [unlimited, endpoint] = [await opened.take(), await opened.take()];
    const waits = [unlimited, endpoint].map(({ events }) => events.send("x".repeat(HUGE)));
    await expectLoss(endpoint, "slow-client", waits.slice(1));
    expect(unlimited.events.closed).toBe(false);
    expect(unlimited.events.bufferedAmount).toBeGreaterThan(HUGE / 2);
  });

  it("costs everything that is written to it, without an endpoint", async () => {
    const { port, opened } = await serveBare(protocol);
    await startStalled(protocol, port);
    const stream = await opened.take();
    for (let sent = 0; sent < HUGE / FRAME; sent++) {
      stream.write(`data: ${block}\n\n`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(stream.waiting).toBeGreaterThan(HUGE / 2);
    expect(stream.isOpen).toBe(true);
  });
});

/** Asks for a stream with a receive buffer that nothing can make larger, and reads the head. */
const TINY_BUFFER = `
  use Socket;
  socket(my $socket, PF_INET, SOCK_STREAM, 0) or die $!;
  setsockopt($socket, SOL_SOCKET, SO_RCVBUF, pack("i", 4096)) or die $!;
  connect($socket, sockaddr_in($ARGV[0], inet_aton("127.0.0.1"))) or die $!;
  syswrite($socket, "GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n") or die $!;
  sysread($socket, my $head, 64) or die $!;
  syswrite(STDOUT, "open");
  sleep;
`;

describeWithProgram(["perl"], "a reader whose receive buffer is tiny", (perl) => {
  it.each(["HTTP/1", "Fetch"] as const)(
    "over %s costs the limit and one frame, and is closed as slow, once",
    async (protocol) => {
      const { port, opened } = await serveEndpoints(protocol, {});
      const client = spawn(perl, ["-e", TINY_BUFFER, `${port}`], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      onTestFinished(() => void client.kill());
      await within(once(client.stdout, "data"), "first bytes at the client");
      const endpoint = await opened.take();
      const { sends, peak } = await flood(endpoint);
      expect(peak).toBeLessThanOrEqual(LIMIT + FRAME + 1_000);
      await expectLoss(endpoint, "slow-client", sends);
    },
  );
});

describe("a reader that is slow but steady", () => {
  const stallTimeout = 1_000;
  /** What it reads in several stall timeouts, behind what the system takes by itself. */
  const parts = ["é".repeat(7 << 20), "x".repeat(2 << 20), "small"];
  const plan = { path: "/", count: 1, rate: 4 << 20, window: 65_535 };

  it("is never closed by the clock, and gets everything once", async () => {
    // Beforehand: while this process computes, its servers do not see what their clients take.
    const expected = digest([":\n", ...parts.map((part) => `data: ${part}\n\n`)].join(""));
    const read = async (protocol: Protocol) => {
      const options = { stallTimeout, maxBufferedAmount: Infinity };
      const { port, opened } = await serveEndpoints(protocol, options);
      const client = await startReaders({ protocol, port, ...plan });
      const { events, closes } = await opened.take();
      const start = performance.now();
      const sends = parts.map((part) => events.send(part));
      expect(events.bufferedAmount).toBeGreaterThan(HUGE / 4);
      expect(await within(Promise.all(sends), "drain", 25_000)).toEqual([true, true, true]);
      // Else it was not slow.
      expect(performance.now() - start).toBeGreaterThan(stallTimeout);
      void events.close();
      expect(await closes.take(25_000)).toMatchObject({ code: "closed", wasClean: true });
      expect(await client.take(25_000)).toEqual(expected);
    };
    await Promise.all(PROTOCOLS.map(read));
  });

  it("would be closed by a server that gives its writes as long", async () => {
    const read = async (protocol: Protocol) => {
      const { port, opened } = await serveBare(protocol);
      await startReaders({ protocol, port, ...plan });
      const stream = await opened.take();
      for (const part of parts) stream.write(`data: ${part}\n\n`);
      const deadline = new Promise<number>((resolve) => {
        setTimeout(() => resolve(stream.waiting), stallTimeout);
      });
      expect(await deadline).toBeGreaterThan(0);
    };
    await Promise.all(PROTOCOLS.map(read));
  });
});
