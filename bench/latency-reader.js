/** The clients of several servers, in one process: each tells when an event comes to it. */
import { connect } from "node:net";
import { serveCalls } from "./worker.js";

/** Nothing comes for so long: something was lost. */
const PATIENCE_MS = 15_000;

const REQUEST = "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";

const clients = [];
let latencies = [];
let expected = 0;
let left = 0;
let onDone = () => {};
let failure;

serveCalls({
  /** Connects so many clients to each of the ports. */
  async open({ ports, count }) {
    for (const port of ports) {
      for (let i = 0; i < count; i += 100) {
        await Promise.all(Array.from({ length: Math.min(100, count - i) }, () => openClient(port)));
      }
    }
  },

  /** From now on every client is to get so many events. */
  expect({ events }) {
    expected = events;
    left = clients.length;
    latencies = [];
    for (const client of clients) client.received = 0;
  },

  /** Resolves when all have got them; answers with how long they were on their way. */
  async received() {
    if (left > 0 && !failure) {
      const watch = setTimeout(() => {
        failure = new Error(`${left} clients wait for events that do not come`);
        onDone();
      }, PATIENCE_MS);
      await new Promise((resolve) => (onDone = resolve));
      clearTimeout(watch);
    }
    if (failure) throw failure;
    latencies.sort((a, b) => a - b);
    const at = (share) =>
      latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))];
    return { p50Ms: at(0.5), p99Ms: at(0.99) };
  },
});

function openClient(port) {
  const client = { received: 0, rest: "" };
  clients.push(client);
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1" }, () => socket.write(REQUEST));
    socket.setEncoding("latin1");
    socket.once("data", (text) => {
      if (text.startsWith("HTTP/1.1 200 ")) resolve();
      else reject(new Error(`A server answered: ${text.split("\r\n", 1)}`));
    });
    socket.on("error", reject);
    socket.on("close", () => fail("A server has ended a connection"));
    socket.on("data", (text) => read(client, text, process.hrtime.bigint()));
  });
}

function read(client, text, now) {
  const lines = (client.rest + text).split("\n");
  client.rest = lines.pop();
  for (const line of lines) {
    const [, event, sentAt] = /^data: (\d+) (\d+) /.exec(line) ?? [];
    if (sentAt === undefined) continue;
    if (Number(event) !== client.received++) {
      return fail(`A client got event ${event} instead of ${client.received - 1}`);
    }
    latencies.push(Number(now - BigInt(sentAt)) / 1e6);
    if (client.received === expected && --left === 0) onDone();
  }
}

function fail(message) {
  failure ??= new Error(message);
  onDone();
}
