import { once } from "node:events";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import http2, { type ServerHttp2Session } from "node:http2";
import type { AddressInfo, Server } from "node:net";
import {
  EventChannel,
  type EventChannelOptions,
  EventEndpoint,
  type EventEndpointOptions,
} from "../../src/index.ts";
import { bridge } from "../support/fetch-bridge.ts";
import { dataOf } from "./journal.ts";

export type ServerKind = "node:http" | "fetch" | "h2c";

export interface ChannelServerOptions {
  channel?: EventChannelOptions;
  endpoint?: EventEndpointOptions;
  /** Is told of each request's endpoint and path, before that joins the channel. */
  onVisit?: (events: EventEndpoint, path: string) => void;
}

/** A server whose requests all join one channel, the events of which count up from 1. */
export class ChannelServer {
  readonly channel: EventChannel;
  /** How many events there are. */
  published = 0;
  readonly #server: Server;
  readonly #options: ChannelServerOptions;
  readonly #sessions = new Set<ServerHttp2Session>();

  private constructor(kind: ServerKind, options: ChannelServerOptions) {
    this.channel = new EventChannel(options.channel);
    this.#options = options;
    const serveNode = (req: IncomingMessage, res: ServerResponse) =>
      this.#join(new EventEndpoint(req, res, options.endpoint), req.url!);
    const serveFetch = bridge((request) => {
      const events = new EventEndpoint(request, options.endpoint);
      this.#join(events, request.url);
      return events.response;
    });
    this.#server =
      kind === "h2c"
        ? http2.createServer(serveNode as never)
        : http.createServer(kind === "fetch" ? serveFetch : serveNode);
    this.#server.on("session", (session: ServerHttp2Session) => {
      this.#sessions.add(session);
      session.on("error", () => {});
      session.on("close", () => this.#sessions.delete(session));
    });
  }

  static async start(kind: ServerKind, options: ChannelServerOptions = {}): Promise<ChannelServer> {
    const server = new ChannelServer(kind, options);
    // Many come at the same time.
    server.#server.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 });
    await once(server.#server, "listening");
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Sends the next event; its id. */
  publish(filling?: string): Promise<string> {
    return this.channel.send(dataOf("a", ++this.published, filling));
  }

  /** Breaks everything off. */
  close(): void {
    this.#server.close();
    for (const session of this.#sessions) session.destroy();
    if ("closeAllConnections" in this.#server) (this.#server as http.Server).closeAllConnections();
  }

  /** Waits until the server has stopped by itself. */
  async stop(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(events: EventEndpoint, path: string): void {
    this.#options.onVisit?.(events, path);
    void this.channel.add(events);
  }
}
