/**
 * The clients of one server, in a process of their own: raw sockets that send a GET and count.
 *
 * What they have to do is kept so cheap (one shared buffer, no parsing, no streams) that the server
 * is what is measured. Counting is exact for each client: a lost or doubled event fails the run.
 */
import { connect } from "node:net";
import { FrameCounter } from "./frame-counter.js";
import { readReceived } from "./received.js";
import { beginUsage } from "./usage.js";
import { serveCalls } from "./worker.js";

const REQUEST =
  "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nCache-Control: no-cache\r\n\r\n";
/** How long nothing may come. */
const DEADLINE_MS = 15_000;
/** How long this process looks away from its sockets; see `begin`. */
const NAP_MS = 2;

const buffer = Buffer.allocUnsafe(256 * 1024);
const bed = new Int32Array(new SharedArrayBuffer(4));

/** @type {{ frames: FrameCounter, expected: number, captured: Buffer[] | undefined }[]} */
const clients = [];
/** Frames of all clients, and how many there must be. */
let total = 0;
let target = 0;
let onProgress = () => {};
let fault;
let napping = false;
let endUsage;

serveCalls({
  /** Opens so many connections, one after the other. */
  async open({ port, count }) {
    while (clients.length < count) await openClient(port);
  },

  /**
   * Looks into everything that has come, for the last time: from here on, only frames are counted.
   * Each client must have got one of the lists that are expected, no two the same one.
   */
  async verify({ expected }) {
    const left = new Set(expected.map((events) => JSON.stringify(events)));
    const endAt = performance.now() + DEADLINE_MS;
    for (const client of clients) {
      let received;
      while (
        (received = readReceived(Buffer.concat(client.captured))).length < expected[0].length
      ) {
        if (fault) throw fault;
        if (performance.now() > endAt) throw new Error(`Only ${received.length} events came`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      if (!left.delete(JSON.stringify(received))) {
        throw new Error(`Got what was not sent: ${JSON.stringify(received)}`);
      }
      client.captured = undefined;
      // Some servers begin with a frame of their own.
      client.expected = client.frames.count;
    }
    target = total;
  },

  /**
   * Begins to measure what this process costs. Until `receive` has resolved, it looks at its
   * sockets every 2 ms instead of waiting for them. On the loopback interface, a write that has to
   * wake its reader costs half as much again; so what a server costs would depend on who happens to
   * be asleep, and no client in the network is woken by the server.
   */
  begin() {
    endUsage = beginUsage();
    napping = true;
    nap();
  },

  /** Resolves when every client got so many events more, and throws if one got more or less. */
  async receive({ events }) {
    target += events * clients.length;
    await reachTarget();
    napping = false;
    for (const client of clients) {
      client.expected += events;
      const excess = client.frames.count - client.expected;
      if (excess !== 0) throw new Error(`A client got ${events + excess} of ${events} events`);
    }
    return endUsage();
  },
});

function nap() {
  if (!napping) return;
  Atomics.wait(bed, 0, 0, NAP_MS);
  setImmediate(nap);
}

function openClient(port) {
  const client = { frames: new FrameCounter(), expected: 0, captured: [] };
  clients.push(client);
  return new Promise((resolve, reject) => {
    const socket = connect({
      port,
      host: "127.0.0.1",
      noDelay: true,
      onread: {
        buffer,
        callback(length) {
          client.captured?.push(Buffer.from(buffer.subarray(0, length)));
          total += client.frames.push(buffer, length);
          onProgress();
          return true;
        },
      },
    });
    const fail = (reason) => {
      fault ??= new Error(`A connection has ended: ${reason}`);
      reject(fault);
      onProgress();
    };
    socket.on("error", (error) => fail(error.message));
    socket.on("close", () => fail("closed by the server"));
    socket.on("connect", () => {
      socket.write(REQUEST);
      resolve();
    });
  });
}

function reachTarget() {
  return new Promise((resolve, reject) => {
    let before = total;
    const watchdog = setInterval(() => {
      if (total === before) settle(new Error(`Nothing comes any more: ${target - total} are lost`));
      before = total;
    }, DEADLINE_MS);
    const settle = (error) => {
      clearInterval(watchdog);
      onProgress = () => {};
      if (error) reject(error);
      else resolve();
    };
    onProgress = () => {
      if (fault) settle(fault);
      else if (total >= target) settle();
    };
    onProgress();
  });
}
