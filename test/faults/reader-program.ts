/**
 * A process of clients that read nothing, or a little at a time: see `ReaderPlan`. Says "open" once
 * all are connected, and the digest of each body that it read to its end.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import type { Readable } from "node:stream";
import type { ReaderPlan } from "./readers.ts";

const {
  protocol,
  port,
  path = "/",
  count,
  rate,
  window,
} = JSON.parse(process.argv[2]!) as ReaderPlan;

async function connect(): Promise<Readable> {
  if (protocol !== "HTTP/2") {
    const request = http.get({ port, host: "127.0.0.1", path, agent: false });
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    return response;
  }
  const settings = window === undefined ? {} : { initialWindowSize: window };
  const session = http2.connect(`http://127.0.0.1:${port}`, { settings });
  session.on("error", () => {});
  // Only a larger one can be told at once; a smaller one is that of the stream.
  if (window) session.on("connect", () => session.setLocalWindowSize(Math.max(window, 65_535)));
  const stream = session.request({ ":path": path });
  await once(stream, "response");
  return stream;
}

/** Reads so much of it that the rate is kept, whenever the process gets to it. */
function readSlowly(body: Readable): void {
  const hash = createHash("sha256");
  const start = performance.now();
  let bytes = 0;
  const timer = setInterval(() => {
    const allowed = ((performance.now() - start) / 1_000) * rate - bytes;
    const size = Math.min(Math.floor(allowed), body.readableLength);
    // Without a size there is nothing, and asking for it makes the stream look for more.
    const chunk = body.read(Math.max(size, 0)) as Uint8Array | null;
    if (!chunk) return;
    bytes += chunk.length;
    hash.update(chunk);
  }, 5);
  body.on("end", () => {
    clearInterval(timer);
    process.send!({ bytes, sha256: hash.digest("hex") });
  });
}

async function start(): Promise<void> {
  const body = await connect();
  // Servers break them off.
  body.on("error", () => {});
  if (body.readableLength === 0) await once(body, "readable");
  if (rate > 0) readSlowly(body);
}

await Promise.all(Array.from({ length: count }, start));
process.send!("open");
// What is not read keeps no process alive.
setInterval(() => {}, 1_000_000);
