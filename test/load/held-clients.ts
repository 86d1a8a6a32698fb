import { connect, type Socket } from "node:net";
import { within } from "../support/inbox.ts";

/** How many connect at a time. */
const BATCH = 100;

interface Client {
  readonly socket: Socket;
  /** When its first byte came. */
  openedAt: number;
  /** Comments that came after that. */
  keepAlives: number;
}

/** Many clients that stay. They cost next to nothing: all they do is count comments. */
export class HeldClients {
  /** How many the server ended. */
  dropped = 0;

  readonly #wanted: number;
  readonly #clients: Client[] = [];
  readonly #buffer = Buffer.allocUnsafe(65_536);
  /** How many have got what they wait for, or are dropped. */
  #done = 0;
  #isLeaving = false;
  #onChange = () => {};

  /** @param keepAlives how many each of them waits for */
  constructor(keepAlives: number) {
    this.#wanted = keepAlives;
  }

  async open(port: number, count: number): Promise<void> {
    while (this.#clients.length < count) {
      const size = Math.min(BATCH, count - this.#clients.length);
      const batch = Array.from({ length: size }, () => this.#open(port));
      await within(Promise.all(batch), "first byte for each client", 60_000);
    }
  }

  /** Waits until each has got its keep-alives or is dropped, but not for ever; how many have not. */
  async wait(ms: number): Promise<number> {
    const done = new Promise<void>((resolve) => {
      this.#onChange = () => {
        if (this.#done === this.#clients.length) resolve();
      };
      this.#onChange();
    });
    await within(done, "keep-alives", ms).catch(() => {});
    return this.#clients.length - this.#done;
  }

  /** How many have got more than can have been due. */
  countTooMany(keepAliveMs: number): number {
    const now = performance.now();
    return this.#clients.filter(
      // The first byte may have been on its way for a while.
      ({ openedAt, keepAlives }) => keepAlives > (now - openedAt) / keepAliveMs + 1,
    ).length;
  }

  leave(): void {
    this.#isLeaving = true;
    for (const { socket } of this.#clients.splice(0)) socket.destroy();
  }

  #open(port: number): Promise<void> {
    return new Promise((resolve) => {
      let last = 0;
      const callback = (length: number) => {
        // Each is ":\n", and the head has no such line.
        for (let i = 0; i < length; i++) {
          const byte = this.#buffer[i]!;
          if (byte === 0x0a && last === 0x3a) onComment();
          last = byte;
        }
        return true;
      };
      const onread = { buffer: this.#buffer, callback };
      const socket = connect({ port, host: "127.0.0.1", onread });
      const client: Client = { socket, openedAt: 0, keepAlives: 0 };
      this.#clients.push(client);
      const onComment = () => {
        if (client.openedAt > 0) client.keepAlives++;
        else {
          client.openedAt = performance.now();
          resolve();
        }
        if (client.keepAlives === this.#wanted) this.#tellDone();
      };
      socket.on("error", () => {});
      socket.on("close", () => {
        if (this.#isLeaving) return;
        this.dropped++;
        if (client.keepAlives < this.#wanted) this.#tellDone();
      });
      socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    });
  }

  #tellDone(): void {
    this.#done++;
    this.#onChange();
  }
}
