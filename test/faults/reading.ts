import { createHash } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import type { Readable } from "node:stream";
import type { Digest, ReaderPlan } from "./readers.ts";

/** Asks for a stream; resolves when the head and a first byte are there, and reads no further. */
export async function openBody(plan: Omit<ReaderPlan, "count" | "rate">): Promise<Readable> {
  const body = await (plan.protocol === "HTTP/2" ? requestHttp2(plan) : requestHttp1(plan));
  // Servers break it off.
  body.on("error", () => {});
  if (body.readableLength === 0) await once(body, "readable");
  return body;
}

async function requestHttp1({ port, path = "/" }: Pick<ReaderPlan, "port" | "path">) {
  const request = http.get({ port, host: "127.0.0.1", path, agent: false });
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  return response;
}

async function requestHttp2({ port, path = "/", window }: Omit<ReaderPlan, "count" | "rate">) {
  const settings = window === undefined ? {} : { initialWindowSize: window };
  const session = http2.connect(`http://127.0.0.1:${port}`, { settings });
  session.on("error", () => {});
  // That of the connection can only grow.
  session.on("connect", () => session.setLocalWindowSize(Math.max(window ?? 0, 65_535)));
  const stream = session.request({ ":path": path });
  await once(stream, "response");
  return stream;
}

/** Reads a body to its end, at so many bytes a second whenever the process gets to it. */
export async function readSlowly(body: Readable, rate: number): Promise<Digest> {
  const hash = createHash("sha256");
  const start = performance.now();
  let bytes = 0;
  const timer = setInterval(() => {
    const allowed = ((performance.now() - start) / 1_000) * rate - bytes;
    const size = Math.min(Math.floor(allowed), body.readableLength);
    // Asked for nothing, the stream looks for more.
    const chunk = body.read(Math.max(size, 0)) as Uint8Array | null;
    if (!chunk) return;
    bytes += chunk.length;
    hash.update(chunk);
  }, 5);
  await once(body, "end");
  clearInterval(timer);
  return { bytes, sha256: hash.digest("hex") };
}
