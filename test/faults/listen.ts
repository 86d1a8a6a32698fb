import { once } from "node:events";
import http from "node:http";
import http2, { type Http2ServerResponse, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { EventEndpoint, type EventEndpointOptions } from "../../src/index.ts";
import { bridge } from "../support/fetch-bridge.ts";
import type { Protocol } from "./serve.ts";

export const PROTOCOLS: Protocol[] = ["HTTP/1", "HTTP/2", "Fetch"];

/** One request, to be answered in one of two ways. */
export interface Opening {
  readonly path: string;
  endpoint(options: EventEndpointOptions): EventEndpoint;
  bare(): BareStream;
}

/** An event stream as everybody writes it first: it writes, and does not look. */
export interface BareStream {
  /** Bytes that were written and not taken. */
  readonly waiting: number;
  readonly isOpen: boolean;
  write(text: string): void;
  /** Waits until what was written is taken, and for nothing else. */
  drained(): Promise<unknown>;
}

/** Serves on the network, endpoints over Fetch too. */
export async function listen(
  protocol: Protocol,
  onRequest: (opening: Opening) => void,
): Promise<{ readonly port: number; close(): void }> {
  const serve = (req: http.IncomingMessage, res: http.ServerResponse) =>
    onRequest({
      path: req.url!,
      endpoint: (options) => new EventEndpoint(req, res, options),
      bare: () => openBareNode(res),
    });
  const serveFetch = (request: Request) => {
    let response!: Response;
    onRequest({
      path: new URL(request.url).pathname,
      endpoint: (options) => {
        const events = new EventEndpoint(request, options);
        response = events.response;
        return events;
      },
      bare: () => {
        const bare = openBareFetch(request.signal);
        response = bare.response;
        return bare;
      },
    });
    return response;
  };
  const sessions = new Set<ServerHttp2Session>();
  const server =
    protocol === "HTTP/2"
      ? http2.createServer(serve as never).on("session", (session) => sessions.add(session))
      : http.createServer(protocol === "Fetch" ? bridge(serveFetch) : serve);
  await once(server.listen(0, "127.0.0.1", 4_096), "listening");
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      for (const session of sessions) session.destroy();
      if ("closeAllConnections" in server) server.closeAllConnections();
    },
  };
}

function openBareNode(res: http.ServerResponse | Http2ServerResponse): BareStream {
  res.writeHead(200, { "Content-Type": "text/event-stream" });
  (res as http.ServerResponse).write(":\n");
  return {
    get waiting() {
      return res.writableLength;
    },
    get isOpen() {
      return !res.destroyed && !("stream" in res && res.stream.destroyed);
    },
    write: (text) => void (res as http.ServerResponse).write(text),
    drained: () => new Promise((resolve) => res.once("drain", resolve)),
  };
}

function openBareFetch(signal: AbortSignal): BareStream & { readonly response: Response } {
  const encoder = new TextEncoder();
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  let onPull: ((value?: unknown) => void) | undefined;
  const body = new ReadableStream<Uint8Array>(
    { start: (each) => void (controller = each), pull: () => onPull?.() },
    new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
  );
  const write = (text: string) => controller.enqueue(encoder.encode(text));
  write(":\n");
  return {
    response: new Response(body, { headers: { "Content-Type": "text/event-stream" } }),
    get waiting() {
      return -controller.desiredSize!;
    },
    get isOpen() {
      return !signal.aborted;
    },
    write,
    drained: () => new Promise((resolve) => (onPull = resolve)),
  };
}
