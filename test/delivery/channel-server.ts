import { once } from "node:events";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import http2, { type ServerHttp2Session } from "node:http2";
import type { AddressInfo, Server } from "node:net";
import { EventEndpoint, type EventEndpointOptions } from "../../src/index.ts";
import { bridge } from "../support/fetch-bridge.ts";
import type { Feed } from "./feed.ts";
import { nameIn } from "./journal.ts";
import type { Channel } from "./splice-world.ts";

export type ServerKind = "node:http" | "fetch" | "h2c";

export interface ChannelServerOptions {
  endpoint?: EventEndpointOptions | undefined;
  /** Is told of each request's endpoint and path, before that joins its channel. */
  onVisit?: ((events: EventEndpoint, path: string) => void) | undefined;
}

/** A server whose requests join the channel that their path names, or the only one. */
export class ChannelServer {
  readonly #feeds: readonly Feed<Channel>[];
  readonly #server: Server;
  readonly #options: ChannelServerOptions;
  readonly #sessions = new Set<ServerHttp2Session>();

  private constructor(
    kind: ServerKind,
    feeds: readonly Feed<Channel>[],
    options: ChannelServerOptions,
  ) {
    this.#feeds = feeds;
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

  static async start(
    kind: ServerKind,
    feeds: Feed<Channel> | readonly Feed<Channel>[],
    options: ChannelServerOptions = {},
  ): Promise<ChannelServer> {
    const server = new ChannelServer(kind, [feeds].flat(), options);
    // Many come at the same time.
    server.#server.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 });
    await once(server.#server, "listening");
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
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

  #join(events: EventEndpoint, url: string): void {
    const { pathname } = new URL(url, "http://127.0.0.1");
    const feed = this.#feeds.find(({ name }) => name === nameIn(pathname)) ?? this.#feeds[0]!;
    this.#options.onVisit?.(events, pathname);
    void feed.channel.add(events, {});
  }
}
