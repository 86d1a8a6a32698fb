import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { once } from "node:events";

/** How a connection breaks: by FIN in the middle of whatever is said, or by RST. */
export type CutKind = "end" | "reset";

interface Cut {
  /** Bytes from the server that pass before it. */
  readonly after: number;
  readonly how: CutKind;
  readonly onCut: () => void;
}

interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
}

/** The network between a client and a server: it passes bytes on, until a test breaks it. */
export class Line {
  readonly #server: Server;
  #cutNext: Cut | undefined;
  readonly #pairs = new Set<Pair>();
  #target: number;

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = target;
  }

  /** Opens a port of its own, that leads to another one. */
  static async to(port: number): Promise<Line> {
    const server = createServer({ noDelay: true });
    const line = new Line(server, port);
    server.on("connection", (client) => line.#connect(client));
    await once(server.listen(0, "127.0.0.1"), "listening");
    return line;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** From now on, new connections lead to another port. */
  leadTo(port: number): void {
    this.#target = port;
  }

  /** From now on, what the server says on the present connections does not arrive. */
  swallow(): void {
    for (const { client, upstream } of this.#pairs) {
      upstream.unpipe(client);
      upstream.resume();
    }
  }

  /** Breaks the present connections. */
  cut(how: CutKind): void {
    for (const pair of this.#pairs) cutPair(pair, how);
  }

  /**
   * Breaks the next connection when these bytes of what the server says have passed, and no more.
   * Resolves once that has happened.
   */
  cutNext(after: number, how: CutKind): Promise<void> {
    return new Promise((onCut) => (this.#cutNext = { after, how, onCut }));
  }

  /** Bytes that the server has said on the present connections. */
  get bytes(): number {
    return [...this.#pairs].reduce((sum, { upstream }) => sum + upstream.bytesRead, 0);
  }

  close(): void {
    this.#server.close();
    this.cut("reset");
  }

  #connect(client: Socket): void {
    const upstream = connect({ port: this.#target, host: "127.0.0.1", noDelay: true });
    const pair = { client, upstream };
    this.#pairs.add(pair);
    // Resets are what this is for.
    for (const socket of [client, upstream]) socket.on("error", () => {});
    client.pipe(upstream);
    if (this.#cutNext) passUntilCut(pair, this.#cutNext);
    else upstream.pipe(client);
    this.#cutNext = undefined;
    client.on("close", () => {
      this.#pairs.delete(pair);
      upstream.destroy();
    });
    upstream.on("close", () => client.end());
  }
}

function passUntilCut(pair: Pair, { after, how, onCut }: Cut): void {
  let left = after;
  pair.upstream.on("data", (bytes: Buffer) => {
    pair.client.write(bytes.subarray(0, left));
    left -= bytes.length;
    if (left >= 0) return;
    cutPair(pair, how);
    onCut();
  });
}

function cutPair({ client, upstream }: Pair, how: CutKind): void {
  upstream.unpipe(client);
  if (how === "end") client.end();
  // Node never closes what it cannot reset any more, because it has been ended.
  else if (client.writableEnded) client.destroy();
  else client.resetAndDestroy();
  upstream.destroy();
}
