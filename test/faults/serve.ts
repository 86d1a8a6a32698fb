import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import type { EventHandler } from "../../src/index.ts";
import { Exchange } from "../contract/host.ts";

export type Protocol = "HTTP/1" | "HTTP/2" | "Fetch";

/** Makes one request. */
export type Connect = (headers?: Record<string, string>) => Promise<Exchange>;

/** Serves with a handler of both styles until the end of the tests. */
export async function serve(
  protocol: Protocol,
  handler: EventHandler,
): Promise<{ connect: Connect; close(): void }> {
  if (protocol === "Fetch")
    return { connect: (headers) => fetchFrom(handler, headers), close() {} };
  if (protocol === "HTTP/2") {
    const server = http2.createServer(handler);
    await once(server.listen(0, "127.0.0.1"), "listening");
    const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return {
      async connect(headers = {}) {
        const stream = session.request(headers);
        const [head] = (await once(stream, "response")) as [Record<string, string>];
        stream.on("error", () => {});
        const leave = () => stream.close(http2.constants.NGHTTP2_CANCEL);
        const body = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
        return new Exchange(Number(head[":status"]), head, body, leave);
      },
      close() {
        session.destroy();
        server.close();
      },
    };
  }
  const server = http.createServer(handler);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return {
    async connect(headers = {}) {
      const request = http.get({ host: "127.0.0.1", port, headers, agent: false });
      const [response] = (await once(request, "response")) as [http.IncomingMessage];
      request.on("error", () => {});
      const leave = () => void request.destroy();
      const body = response[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
      return new Exchange(response.statusCode!, {}, body, leave);
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** No server: the handler's `Response` is read as a server reads it. */
async function fetchFrom(handler: EventHandler, headers = {}): Promise<Exchange> {
  const { status, body } = handler(new Request("http://host/", { headers }));
  const reader = body?.getReader();
  const iterator = reader && ({ next: () => reader.read() } as AsyncIterator<Uint8Array>);
  return new Exchange(status, {}, iterator, () => {
    reader?.cancel().catch(() => {}); // broken off already
  });
}
