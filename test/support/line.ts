import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { once } from "node:events";

/** The network between a client and a server: it passes bytes on, until a test breaks it. */
export class Line {
  readonly #server: Server;
  readonly #pairs = new Set<{ client: Socket; upstream: Socket }>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Opens a port of its own, that leads to another one. */
  static async to(port: number): Promise<Line> {
    const server = createServer({ noDelay: true });
    const line = new Line(server);
    server.on("connection", (client) => line.#connect(client, port));
    await once(server.listen(0, "127.0.0.1"), "listening");
    return line;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** From now on, what the server says on the present connections does not arrive. */
  swallow(): void {
    for (const { client, upstream } of this.#pairs) {
      upstream.unpipe(client);
      upstream.resume();
    }
  }

  /** Breaks the present connections: by FIN in the middle of whatever is said, or by RST. */
  cut(how: "end" | "reset"): void {
    for (const { client, upstream } of this.#pairs) {
      upstream.unpipe(client);
      if (how === "end") client.end();
      // Node never closes what it cannot reset any more, because it has been ended.
      else if (client.writableEnded) client.destroy();
      else client.resetAndDestroy();
      upstream.destroy();
    }
  }

  close(): void {
    this.#server.close();
    this.cut("reset");
  }

  #connect(client: Socket, port: number): void {
    const upstream = connect({ port, host: "127.0.0.1", noDelay: true });
    const pair = { client, upstream };
    this.#pairs.add(pair);
    // Resets are what this is for.
    for (const socket of [client, upstream]) socket.on("error", () => {});
    client.pipe(upstream).pipe(client);
    client.on("close", () => {
      this.#pairs.delete(pair);
      upstream.destroy();
    });
    upstream.on("close", () => client.end());
  }
}
