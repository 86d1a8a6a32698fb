import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import type { EventEndpointOptions } from "../../src/index.ts";
import { EventEndpoint } from "../../src/index.ts";
import { within } from "../support/inbox.ts";

export interface RequestInit {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** One request's answer, as its client gets it. */
export class Exchange {
  readonly status: number;
  readonly headers: Record<string, string>;
  /** What arrived so far. */
  text = "";
  /** How the text was cut when it arrived. */
  readonly chunks: string[] = [];

  readonly #body: AsyncIterator<Uint8Array> | undefined;
  readonly #abort: () => void;
  readonly #decoder = new TextDecoder();

  constructor(
    status: number,
    headers: Record<string, string>,
    body: AsyncIterator<Uint8Array> | undefined,
    abort: () => void,
  ) {
    this.status = status;
    this.headers = headers;
    this.#body = body;
    this.#abort = abort;
  }

  /** Reads one chunk; `false` at the end. Rejects if the body is broken off. */
  async readChunk(): Promise<boolean> {
    const result = await within(
      this.#body!.next(),
      // Of the whole text, which would be copied for each chunk, only a part.
      `chunk after ${JSON.stringify(this.chunks.at(-1)?.slice(-200) ?? "")}`,
    );
    if (result.done) return false;
    const text = this.#decoder.decode(result.value, { stream: true });
    this.chunks.push(text);
    this.text += text;
    return true;
  }

  /** Reads until the text is there. */
  async readUntil(text: string): Promise<string> {
    while (!this.text.includes(text)) {
      if (!(await this.readChunk())) throw new Error(`Ended without ${text}: ${this.text}`);
    }
    return this.text;
  }

  /** Reads to the end. */
  async readAll(): Promise<string> {
    while (this.#body && (await this.readChunk()));
    return this.text;
  }

  /** Goes away, as a client does. */
  abort(): void {
    this.#abort();
  }
}

/** Answers one request. What it returns is awaited by nobody. */
export type Handle = (
  open: (options?: EventEndpointOptions) => EventEndpoint,
  request: { readBody(): Promise<string> },
) => unknown;

/** Something that serves endpoints, and its client. */
export interface Host {
  readonly protocol: "HTTP/1.1" | "HTTP/2" | "Fetch";
  request(init?: RequestInit): Promise<Exchange>;
  close(): Promise<void>;
}

export type StartHost = (handle: Handle) => Promise<Host>;

async function readNodeBody(request: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

export const startHttp1: StartHost = async (handle) => {
  const server = http.createServer((req, res) => {
    void handle((options) => new EventEndpoint(req, res, options), {
      readBody: () => readNodeBody(req),
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const requests: http.ClientRequest[] = [];
  return {
    protocol: "HTTP/1.1",
    async request({ method = "GET", path = "/", headers = {}, body } = {}) {
      const request = http.request({
        host: "127.0.0.1",
        port,
        method,
        path,
        headers,
        agent: false,
      });
      requests.push(request);
      request.end(body);
      const [response] = (await once(request, "response")) as [http.IncomingMessage];
      // Otherwise an abort in the middle is thrown out of nowhere.
      request.on("error", () => {});
      return new Exchange(
        response.statusCode!,
        response.headers as Record<string, string>,
        response[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>,
        () => request.destroy(),
      );
    },
    async close() {
      server.close();
      server.closeAllConnections();
      // A client that does not read does not hear of it.
      for (const request of requests.splice(0)) request.destroy();
    },
  };
};

export const startHttp2: StartHost = async (handle) => {
  const server = http2.createServer((req, res) => {
    void handle((options) => new EventEndpoint(req, res, options), {
      readBody: () => readNodeBody(req),
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const session = http2.connect(`http://127.0.0.1:${port}`);
  return {
    protocol: "HTTP/2",
    async request({ method = "GET", path = "/", headers = {}, body } = {}) {
      const stream = session.request({ ":method": method, ":path": path, ...headers });
      if (body !== undefined) stream.write(body);
      stream.end();
      const [received] = (await once(stream, "response")) as [Record<string, string>];
      stream.on("error", () => {});
      return new Exchange(
        Number(received[":status"]),
        received,
        stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>,
        () => stream.close(http2.constants.NGHTTP2_CANCEL),
      );
    },
    async close() {
      session.destroy();
      server.close();
    },
  };
};

/** No server: the handler's `Response` is read as a server reads it. */
export const startFetch: StartHost = async (handle) => {
  const aborts: (() => void)[] = [];
  return {
    protocol: "Fetch",
    async request({ method = "GET", path = "/", headers = {}, body } = {}) {
      const request = new Request(`http://host${path}`, { method, headers, body: body ?? null });
      let response: Response | undefined;
      void handle(
        (options) => {
          const events = new EventEndpoint(request, options);
          response = events.response;
          return events;
        },
        { readBody: () => request.text() },
      );
      await within(
        (async () => {
          while (!response) await new Promise((resolve) => setImmediate(resolve));
        })(),
        "response",
      );
      const reader = response!.body?.getReader();
      const abort = () => {
        reader?.cancel().catch(() => {}); // broken off already
      };
      aborts.push(abort);
      return new Exchange(
        response!.status,
        Object.fromEntries(response!.headers),
        reader && ({ next: () => reader.read() } as AsyncIterator<Uint8Array>),
        abort,
      );
    },
    async close() {
      for (const abort of aborts.splice(0)) abort();
    },
  };
};
