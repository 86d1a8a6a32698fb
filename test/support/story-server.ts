import { once } from "node:events";
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import {
  createSecureServer,
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import type { AddressInfo, Server } from "node:net";
import { EventEndpoint, type EventEndpointOptions } from "../../src/index.ts";
import { createCertificate } from "./certificate.ts";
import { bridge } from "./fetch-bridge.ts";
import { Inbox } from "./inbox.ts";
import { Line } from "./line.ts";

/** The servers that an endpoint can be behind; "h2c" and "h2" are HTTP/2 without and with TLS. */
export type ServerKind = "node:http" | "fetch" | "h2c" | "h2";

/** One request for events, as the server saw it. */
export interface Visit {
  readonly path: string;
  readonly method: string;
  readonly httpVersion: string;
  readonly accept: string | undefined;
  /** The bytes of `Last-Event-ID`, read as UTF-8. */
  readonly sentId: string | undefined;
  readonly events: EventEndpoint;
  /** What it was answered with. */
  readonly status: number;
}

export interface StoryServer {
  readonly origin: string;
  /** The connections of all clients. */
  readonly line: Line;
  /** The next request for events. */
  nextVisit(): Promise<Visit>;
  /** All requests for events that there were from the client with this path. */
  visitsTo(path: string): Visit[];
  close(): Promise<void>;
}

type NodePair =
  [req: IncomingMessage, res: ServerResponse] | [req: Http2ServerRequest, res: Http2ServerResponse];

/**
 * Starts a server that answers every path below /events with an endpoint, and hands that to the
 * test, which does the talking. Everything else is an empty page for browsers.
 */
export async function startStoryServer(
  kind: ServerKind,
  options: EventEndpointOptions = {},
): Promise<StoryServer> {
  const visits: Visit[] = [];
  const inbox = new Inbox<Visit>("request for events");
  const sessions = new Set<ServerHttp2Session>();

  const receive = (req: NodePair[0], events: EventEndpoint, status: number) => {
    const id = req.headers["last-event-id"] as string | undefined;
    const visit = {
      path: req.url ?? "",
      method: req.method ?? "",
      httpVersion: req.httpVersion,
      accept: req.headers.accept,
      sentId: id === undefined ? undefined : Buffer.from(id, "latin1").toString(),
      events,
      status,
    };
    visits.push(visit);
    inbox.put(visit);
  };
  const serveNode = (...[req, res]: NodePair) => {
    if (!isForEvents(req)) return sendPage(res);
    const events = new EventEndpoint(req, res, options);
    receive(req, events, res.statusCode);
  };
  const serveFetch = (req: IncomingMessage, res: ServerResponse) => {
    if (!isForEvents(req)) return sendPage(res);
    bridge((request) => {
      const events = new EventEndpoint(request, options);
      receive(req, events, events.response.status);
      return events.response;
    })(req, res);
  };
  const servers: Record<ServerKind, () => Server> = {
    "node:http": () => createHttpServer(serveNode),
    fetch: () => createHttpServer(serveFetch),
    h2c: () => createHttp2Server(serveNode),
    h2: () => createSecureServer(createCertificate(), serveNode),
  };

  const server = servers[kind]();
  server.on("session", (session: ServerHttp2Session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const line = await Line.to((server.address() as AddressInfo).port);
  return {
    origin: `${kind === "h2" ? "https" : "http"}://127.0.0.1:${line.port}`,
    line,
    nextVisit: () => inbox.take(),
    visitsTo: (path) => visits.filter((visit) => visit.path === path),
    async close() {
      // Nobody holds the endpoints any longer.
      visits.length = 0;
      line.close();
      for (const session of sessions) session.destroy();
      const closed = once(server, "close");
      server.close();
      (server as { closeAllConnections?(): void }).closeAllConnections?.();
      await closed;
    },
  };
}

function isForEvents(req: NodePair[0]): boolean {
  return req.url?.startsWith("/events") === true;
}

function sendPage(res: NodePair[1]): void {
  res.setHeader("Content-Type", "text/html");
  res.end("<!doctype html><title>Story</title>");
}
