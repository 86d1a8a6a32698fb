import net, { type AddressInfo } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { findFault } from "../../bench/nginx.js";
import { measure } from "../../bench/scenarios/several-processes.js";
import { READER_CORE, startWorker } from "../../bench/worker.js";
import { buildPackage } from "../support/build.ts";
import { describeWithProgram } from "../support/program.ts";

/** Little of everything: these are no measurements. */
const LITTLE = {
  processes: 2,
  clients: 3,
  pace: { events: 3, everyMs: 5 },
  rush: { events: 6, inFlight: 2 },
};

beforeAll(async () => {
  process.env["EVENT_ENDPOINT_DIST"] = join(await buildPackage(), "dist/index.js");
});

async function expectDelivery(kind: string): Promise<void> {
  const { p50Ms, p99Ms, rate, cost } = await measure({ kind, ...LITTLE });
  expect(p50Ms).toBeGreaterThan(0);
  expect(p99Ms).toBeGreaterThanOrEqual(p50Ms);
  expect(rate).toBeGreaterThan(0);
  expect(cost).toBeGreaterThan(0);
}

describeWithProgram(["redis-server"], "several processes in the benchmarks", () => {
  it("deliver what one of them is given to the clients of all", () =>
    expectDelivery("event-channel"));
});

describeWithProgram(["nginx"], "several nginx in the benchmarks", () => {
  it("deliver what one of them is given to the clients of all", async () => {
    expect(findFault()).toBeUndefined();
    await expectDelivery("nchan");
  });
});

describe("the clients that take the time", () => {
  let close: () => unknown = () => {};
  afterEach(() => close());

  /** What one client says of a server that sends this. */
  async function read(text: string, events: number): Promise<unknown> {
    const server = net.createServer((socket) => {
      socket.resume().write("HTTP/1.1 200 OK\r\n\r\n");
      connected = socket;
    });
    let connected!: net.Socket;
    await once(server.listen(0, "127.0.0.1"), "listening");
    const reader = startWorker("latency-reader.js", { core: READER_CORE });
    close = async () => {
      await reader.stop();
      await new Promise((resolve) => server.close(resolve));
    };
    await reader.call("open", { ports: [(server.address() as AddressInfo).port], count: 1 });
    await reader.call("expect", { events });
    connected.write(text);
    return reader.call("received");
  }

  const event = (number: number) => `data: ${number} ${process.hrtime.bigint()} xx\n\n`;

  it("tell how long the events were on their way", async () => {
    const { p50Ms, p99Ms } = (await read(`id: 1\n${event(0)}: comment\n\n${event(1)}`, 2)) as {
      p50Ms: number;
      p99Ms: number;
    };
    expect(p50Ms).toBeGreaterThan(0);
    expect(p99Ms).toBeGreaterThanOrEqual(p50Ms);
  });

  it.each([
    ["comes twice", [0, 0, 1]],
    ["is missing", [0, 2]],
    ["comes too early", [1, 0]],
  ])("notice an event that %s", async (_, numbers) => {
    await expect(read(numbers.map(event).join(""), 3)).rejects.toThrow("A client got event");
  });
});
