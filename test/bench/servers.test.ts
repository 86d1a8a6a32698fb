import { existsSync } from "node:fs";
import net, { type AddressInfo } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { measureDelivery } from "../../bench/measure.js";
import { scenario as burst } from "../../bench/scenarios/burst.js";
import { scenario as distinctEvents } from "../../bench/scenarios/distinct-events.js";
import { scenario as fanOut } from "../../bench/scenarios/fan-out.js";
import { measureMemory, scenario as memory } from "../../bench/scenarios/memory.js";
import {
  measureConnecting,
  measureReplay,
  scenario as replay,
} from "../../bench/scenarios/replay.js";
import { measureScale, scenario as scale } from "../../bench/scenarios/scale.js";
import {
  BROADCAST_SERVERS,
  BURST_FLOOR,
  SERVERS,
  STREAM_SERVERS,
} from "../../bench/servers/index.js";
import { findFault } from "../../bench/servers/nchan.js";
import { startWorker } from "../../bench/worker.js";
import { buildPackage, ROOT } from "../support/build.ts";
import { describeWithProgram } from "../support/program.ts";

const SEED = 7;
/** Little of everything: these are no measurements. */
const LITTLE = { turns: 3, warmUpTurns: 2, windowsBudgetMs: 0 };

const servers = SERVERS as Record<string, { packages: string[]; isProgram?: boolean }>;
const isInstalled = existsSync(join(ROOT, "bench/node_modules"));
if (!isInstalled) console.warn("SKIPPED: peers in the benchmarks: npm --prefix bench ci");
/** Whoever needs nothing that is not here. */
const canRun = (name: string) =>
  !servers[name]!.isProgram && (isInstalled || servers[name]!.packages.length === 0);

beforeAll(async () => {
  process.env["EVENT_ENDPOINT_DIST"] = join(await buildPackage(), "dist/index.js");
});

/** Runs a scenario with few clients. It throws if one of them gets anything but what it is to get. */
async function deliver(server: string, scenario: object): Promise<number> {
  return (await measureDelivery(server, { ...scenario, ...LITTLE }, SEED)).cost;
}

describe("every server of the benchmarks", () => {
  it.each(BROADCAST_SERVERS.filter(canRun))(
    "delivers exactly what is published, one event in each turn: %s",
    async (name) => {
      expect(await deliver(name, { ...fanOut, clients: 3 })).toBeGreaterThan(0);
    },
  );

  it.each([BURST_FLOOR, ...BROADCAST_SERVERS].filter(canRun))(
    "delivers exactly what is published, many events in each turn: %s",
    async (name) => {
      expect(await deliver(name, { ...burst, clients: 3 })).toBeGreaterThan(0);
    },
  );

  it.each(STREAM_SERVERS.filter(canRun))(
    "delivers to each client what is for that one: %s",
    async (name) => {
      expect(await deliver(name, distinctEvents)).toBeGreaterThan(0);
    },
  );

  it.each(["response-write", "event-endpoint", "event-channel"])(
    "can be weighed with idle connections: %s",
    async (name) => {
      const { cost } = await measureMemory(
        name,
        { ...memory, clients: 30, warmUpClients: 5 },
        SEED,
      );
      expect(Number.isFinite(cost)).toBe(true);
    },
  );
});

describeWithProgram(["nginx"], "nginx + nchan in the benchmarks", () => {
  it("has its module, and what its cost is read from", () => {
    expect(findFault()).toBeUndefined();
  });

  it.each([
    ["one event in each turn", fanOut],
    ["many events in each turn", burst],
  ])("delivers exactly what is published, %s", async (_name, scenario) => {
    expect(await deliver("nchan", { ...scenario, clients: 3 })).toBeGreaterThan(0);
  });

  it("can be weighed with idle connections", async () => {
    const { cost } = await measureMemory(
      "nchan",
      { ...memory, clients: 30, warmUpClients: 5 },
      SEED,
    );
    expect(Number.isFinite(cost)).toBe(true);
  });
});

describe("the scenarios of event-endpoint alone", () => {
  const few = { clients: 20, warmUpClients: 5 };

  it("replay to each client exactly what it missed, each event turned into bytes once", async () => {
    const plan = { ...replay, ...few, events: 10, verifiedClients: 2 };
    expect(await measureReplay(plan, SEED)).toMatchObject({ encodings: 1 });
    expect((await measureConnecting({ ...replay, ...few }, SEED)).cost).toBeGreaterThan(0);
  });

  it("let everybody come back at once, and reach all of them", async () => {
    const plan = { ...scale, ...few, missed: 5, fanOuts: 2, climbs: false };
    const { storm, fanOut: all, climb } = await measureScale(plan, SEED, () => {});
    expect(climb.clients).toBe(20);
    for (const { timeMs, cpuMs } of [storm, all]) {
      expect(timeMs).toBeGreaterThan(0);
      expect(cpuMs).toBeGreaterThan(0);
    }
  });
});

describe("the clients of the benchmarks", () => {
  const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
  let close: () => unknown = () => {};
  afterEach(() => close());

  /** A client of a server that says whatever the test says, and does as asked. */
  async function connect() {
    const server = net.createServer();
    await once(server.listen(0, "127.0.0.1"), "listening");
    const reader = startWorker("reader.js", { core: 1 });
    const sockets: net.Socket[] = [];
    server.on("connection", (socket) => {
      socket.on("error", () => {});
      sockets.push(socket);
    });
    close = async () => {
      await reader.stop();
      for (const socket of sockets) socket.destroy();
      server.close();
    };
    const opened = once(server, "connection") as Promise<[net.Socket]>;
    await reader.call("open", { port: (server.address() as AddressInfo).port, count: 1 });
    const [socket] = await opened;
    socket.write(HEAD);
    return { reader, socket };
  }
  const sent = [{ id: "0", data: "a" }];
  const verify = { expected: [sent], isShared: true };

  it("take what is sent, and count what comes later", async () => {
    const { reader, socket } = await connect();
    socket.write("event: ready\nid: x\ndata: \n\nid: 0\ndata: a\n\n");
    await reader.call("verify", verify);
    await reader.call("begin", {});
    socket.write("id: 1\ndata: b\n\n");
    expect(await reader.call("receive", { events: 1 })).toHaveProperty("cpuShare");
  });

  it.each([
    ["other data", "id: 0\ndata: b\n\n"],
    ["another id", "id: 1\ndata: a\n\n"],
    ["an event more", "id: 0\ndata: a\n\nid: 0\ndata: a\n\n"],
  ])("refuse %s", async (_name, text) => {
    const { reader, socket } = await connect();
    socket.write(text);
    await expect(reader.call("verify", verify)).rejects.toThrow("Got what was not sent");
  });

  it("leave ids alone that are the server's own", async () => {
    const { reader, socket } = await connect();
    socket.write("id: 17-4\ndata: a\n\n");
    expect(await reader.call("verify", { ...verify, withIds: false })).toBeUndefined();
  });

  it("notice an event that comes twice", async () => {
    const { reader, socket } = await connect();
    socket.write("id: 0\ndata: a\n\n");
    await reader.call("verify", verify);
    await reader.call("begin", {});
    socket.write("id: 1\ndata: b\n\nid: 1\ndata: b\n\n");
    await expect(reader.call("receive", { events: 1 })).rejects.toThrow("got 2 of 1 events");
  });

  it("notice a server that ends a connection", async () => {
    const { reader, socket } = await connect();
    socket.write("id: 0\ndata: a\n\n");
    await reader.call("verify", verify);
    socket.destroy();
    await expect(reader.call("receive", { events: 1 })).rejects.toThrow("A connection has ended");
  });
});
