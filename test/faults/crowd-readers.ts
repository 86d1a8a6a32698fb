/**
 * Healthy clients of a crowd, all in one process: they read everything, and compare each byte with
 * what it should be. Says "open" once all are connected, and a `Receipt` when all have a round. A
 * byte that is another one, or the end of a stream, ends the process.
 */
import http from "node:http";
import http2 from "node:http2";
import type { Readable } from "node:stream";
import { eventsOf, type Path, readClock, type Receipt } from "./crowd-plan.ts";
import type { Protocol } from "./serve.ts";

export interface CrowdReadersPlan {
  readonly protocol: Protocol;
  readonly port: number;
  /** How many clients ask for which path. */
  readonly counts: Readonly<Partial<Record<Path, number>>>;
}

const { protocol, port, counts } = JSON.parse(process.argv[2]!) as CrowdReadersPlan;
const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
/** Streams on each HTTP/2 connection. */
const STREAMS = 50;
/** Clients that connect at once, which not all can. */
const BATCH = 100;

const completed: number[] = [];
let opened = 0;

/** The bytes of each round, which all clients of a path share. */
const bytesOf = new Map<string, Buffer>();
function expectBytes(round: number, path: Path): Buffer {
  const key = `${path} ${round}`;
  let bytes = bytesOf.get(key);
  if (!bytes) {
    const text = eventsOf(round, path).map((data) => `data: ${data}\n\n`);
    bytesOf.set(key, (bytes = Buffer.from((round === 0 ? ":\n" : "") + text.join(""))));
  }
  return bytes;
}

/** Resolves when the first byte is there. */
function read(body: Readable, path: Path): Promise<void> {
  let round = 0;
  let offset = 0;
  body.on("data", (chunk: Buffer) => {
    for (let start = 0; start < chunk.length;) {
      const bytes = expectBytes(round, path);
      const size = Math.min(chunk.length - start, bytes.length - offset);
      if (chunk.compare(bytes, offset, offset + size, start, start + size) !== 0) {
        throw new Error(`${path}: another byte in round ${round}`);
      }
      start += size;
      offset += size;
      if (offset === bytes.length) {
        complete(round++);
        offset = 0;
      }
    }
  });
  body.on("close", () => {
    throw new Error(`${path}: broken off in round ${round}`);
  });
  return new Promise((resolve) => body.once("data", () => resolve()));
}

function complete(round: number): void {
  completed[round] = (completed[round] ?? 0) + 1;
  if (completed[round] === total) {
    process.send!({ round, at: readClock() } satisfies Receipt);
  }
}

let session: http2.ClientHttp2Session | undefined;
async function connect(path: Path): Promise<void> {
  if (protocol !== "HTTP/2") {
    const options = { port, host: "127.0.0.1", path, agent: false };
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      http.get(options, resolve).on("error", reject);
    });
    return read(response, path);
  }
  if (opened++ % STREAMS === 0) session = http2.connect(`http://127.0.0.1:${port}`);
  return read(session!.request({ ":path": path }), path);
}

for (const [path, count] of Object.entries(counts) as [Path, number][]) {
  for (let left = count; left > 0; left -= BATCH) {
    await Promise.all(Array.from({ length: Math.min(left, BATCH) }, () => connect(path)));
  }
}
process.send!("open");
