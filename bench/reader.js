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

const HEAD =
  "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nCache-Control: no-cache\r\n";
/** Connections that are being opened at the same time. */
const OPENING = 64;
/** How long nothing may come. */
const DEADLINE_MS = 15_000;
/** How long this process looks away from its sockets; see `begin`. */
const NAP_MS = 2;

const buffer = Buffer.allocUnsafe(256 * 1024);
const bed = new Int32Array(new SharedArrayBuffer(4));

/**
 * @type {{
 *   socket: import("node:net").Socket,
 *   frames: FrameCounter,
 *   expected: number,
 *   captured: Buffer[] | undefined,
 *   connected: Promise<void>,
 *   begun: Promise<void> | undefined, when the server has sent something
 * }[]}
 */
const clients = [];
/** Frames of all clients, and how many there must be. */
let total = 0;
let target = 0;
let onProgress = () => {};
let fault;
let napping = false;
let endUsage;

serveCalls({
  /**
   * Opens connections until there are so many, as clients that come back with this id. What they
   * get is looked at by `verify`, or only counted.
   */
  async open({ port, count, lastEventId, isCounted = false }) {
    let left = count - clients.length;
    const work = async () => {
      while (left-- > 0) await openClient(port, { lastEventId, isCounted }).connected;
    };
    await Promise.all(Array.from({ length: OPENING }, work));
  },

  /** Opens connections until one is refused, and answers with how many there are then. */
  async climb({ port }) {
    for (;;) {
      const opening = Array.from({ length: OPENING }, () => openClient(port, { isCounted: true }));
      const isRefused = await Promise.all(
        opening.map(({ connected, begun }) =>
          Promise.all([connected, begun]).then(
            () => false,
            () => true,
          ),
        ),
      );
      for (const [index, { socket }] of opening.entries()) {
        if (!isRefused[index]) continue;
        socket.destroy();
        clients.splice(clients.indexOf(opening[index]), 1);
      }
      fault = undefined;
      if (isRefused.includes(true)) return clients.length;
    }
  },

  /** Closes all connections. */
  close() {
    for (const { socket } of clients) {
      socket.removeAllListeners("close");
      socket.destroy();
    }
    clients.length = 0;
    total = target = 0;
  },

  /** Resolves with the id that the first client was greeted with. */
  async greeting() {
    for (let tries = 0; tries < DEADLINE_MS / 10; tries++) {
      const greeting = readReceived(Buffer.concat(clients[0].captured)).find(isGreeting);
      if (greeting) return greeting.id;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error("No greeting came");
  },

  /**
   * Looks into everything that has come, for the last time: from here on, only frames are counted.
   * Each client must have got one of the lists that are expected: no two the same one, unless it is
   * shared by all. Ids are compared unless they are the server's own.
   */
  async verify({ expected, isShared = false, withIds = true }) {
    const left = new Set(expected.map((events) => JSON.stringify(events.map(pickFields))));
    const endAt = performance.now() + DEADLINE_MS;
    for (const client of clients) {
      let received;
      while ((received = readEvents(client)).length < expected[0].length) {
        if (fault) throw fault;
        if (performance.now() > endAt) throw new Error(`Only ${received.length} events came`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      const found = JSON.stringify(received.map(pickFields));
      if (isShared ? !left.has(found) : !left.delete(found)) {
        throw new Error(`Got what was not sent: ${found}`);
      }
      client.captured = undefined;
      // Some servers begin with a frame of their own.
      client.expected = client.frames.count;
    }
    target = total;

    function pickFields({ id, data }) {
      return withIds ? { id, data } : { data };
    }
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

/** What came for a client, but the greeting of event-endpoint's channels. */
function readEvents({ captured }) {
  return readReceived(Buffer.concat(captured)).filter((event) => !isGreeting(event));
}

function isGreeting({ event }) {
  return event === "ready";
}

function nap() {
  if (!napping) return;
  Atomics.wait(bed, 0, 0, NAP_MS);
  setImmediate(nap);
}

function openClient(port, { lastEventId, isCounted }) {
  const client = {
    socket: undefined,
    frames: new FrameCounter(),
    expected: 0,
    captured: isCounted ? undefined : [],
    connected: undefined,
    begun: undefined,
  };
  clients.push(client);
  let onBegin = () => {};
  let onFail = () => {};
  client.begun = new Promise((resolve, reject) => {
    onBegin = resolve;
    onFail = reject;
  });
  // Only those who wait for it want to know.
  client.begun.catch(() => {});
  client.connected = new Promise((resolve, reject) => {
    const socket = connect({
      port,
      host: "127.0.0.1",
      noDelay: true,
      onread: {
        buffer,
        callback(length) {
          client.captured?.push(Buffer.from(buffer.subarray(0, length)));
          total += client.frames.push(buffer, length);
          onBegin();
          onProgress();
          return true;
        },
      },
    });
    client.socket = socket;
    const fail = (reason) => {
      fault ??= new Error(`A connection has ended: ${reason}`);
      reject(fault);
      onFail(fault);
      onProgress();
    };
    socket.on("error", (error) => fail(error.message));
    socket.on("close", () => fail("closed by the server"));
    socket.on("connect", () => {
      socket.write(`${HEAD}${lastEventId ? `Last-Event-ID: ${lastEventId}\r\n` : ""}\r\n`);
      resolve();
    });
  });
  return client;
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
