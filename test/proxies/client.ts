import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import { Transform, type Readable } from "node:stream";
import { constants, createGunzip } from "node:zlib";
import { within } from "../support/inbox.ts";
import { Transcript } from "../support/transcript.ts";

/** What a client has got so far, with its compression undone. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly output: Transcript;
  /** Resolves when the response is over. */
  readonly ended: Promise<unknown>;
  /** Goes away in the middle of it. */
  leave(): void;
}

/** Asks a proxy as a browser does, which takes gzip wherever it can. */
export function ask(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  const all = { ...headers, "accept-encoding": "gzip" };
  return within(url.startsWith("https:") ? askHttp2(url, all) : askHttp1(url, all), "head");
}

async function askHttp1(url: string, headers: Record<string, string>): Promise<Answer> {
  const request = http.get(url, { headers, agent: false });
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  return receive(response.statusCode!, response.headers, response, () => response.destroy());
}

async function askHttp2(url: string, headers: Record<string, string>): Promise<Answer> {
  const session = http2.connect(url, { rejectUnauthorized: false });
  const stream = session.request({ ...headers, ":path": new URL(url).pathname });
  stream.on("close", () => session.destroy());
  const [head] = (await once(stream, "response")) as [Record<string, string>];
  const leave = () => stream.close(http2.constants.NGHTTP2_CANCEL);
  return receive(Number(head[":status"]), head, stream, leave);
}

function receive(
  status: number,
  headers: Record<string, unknown>,
  body: Readable,
  leave: () => void,
): Answer {
  const isZipped = headers["content-encoding"] === "gzip";
  // All that can be made of the bytes that are there, also in the middle of a stream.
  const unzip = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH });
  const text = body.pipe(isZipped ? unzip : pass());
  const output = new Transcript();
  text.on("data", (bytes: Uint8Array) => output.add(bytes));
  body.on("error", () => {}); // left
  return { status, headers, output, ended: once(text, "end"), leave };
}

function pass(): Transform {
  return new Transform({ transform: (chunk, _encoding, done) => done(null, chunk) });
}
