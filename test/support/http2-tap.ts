import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { constants } from "node:http2";

/** A frame that a server sent, as far as an ending shows in it (RFC 9113, 4.1). */
export interface SentFrame {
  readonly type: "DATA" | "HEADERS" | "RST_STREAM" | "GOAWAY";
  readonly stream: number;
  /** DATA and HEADERS: is it the last of its stream? */
  readonly ends: boolean;
  /** RST_STREAM and GOAWAY: why. */
  readonly code: number | undefined;
}

const TYPES: Record<number, SentFrame["type"]> = {
  0: "DATA",
  1: "HEADERS",
  3: "RST_STREAM",
  7: "GOAWAY",
};

/** A port that leads to an HTTP/2 server without TLS, and shows what that sends, frame by frame. */
export async function tapHttp2(port: number): Promise<{
  readonly origin: string;
  readonly frames: SentFrame[];
  /** The clients' connections. */
  readonly sockets: Set<Socket>;
  close(): void;
}> {
  const frames: SentFrame[] = [];
  const sockets = new Set<Socket>();
  const tap = createServer((client) => {
    const upstream = connect({ port, host: "127.0.0.1" });
    sockets.add(client);
    for (const socket of [client, upstream]) socket.on("error", () => {});
    let bytes = Buffer.alloc(0);
    upstream.on("data", (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
        const end = 9 + bytes.readUIntBE(0, 3);
        const frame = readFrame(bytes.subarray(0, end));
        if (frame) frames.push(frame);
        bytes = bytes.subarray(end);
      }
    });
    client.pipe(upstream).pipe(client);
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
  });
  await once(tap.listen(0, "127.0.0.1"), "listening");
  return {
    origin: `http://127.0.0.1:${(tap.address() as AddressInfo).port}`,
    frames,
    sockets,
    close() {
      tap.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function readFrame(bytes: Buffer): SentFrame | undefined {
  const type = TYPES[bytes[3]!];
  if (!type) return undefined;
  const isReset = type === "RST_STREAM";
  return {
    type,
    stream: bytes.readUInt32BE(5) & 0x7fff_ffff,
    ends:
      (type === "DATA" || type === "HEADERS") &&
      (bytes[4]! & constants.NGHTTP2_FLAG_END_STREAM) !== 0,
    code: isReset || type === "GOAWAY" ? bytes.readUInt32BE(isReset ? 9 : 13) : undefined,
  };
}
