import { once } from "node:events";
import type { Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { within } from "./inbox.ts";

/** A client that says what it likes, byte by byte, and sees every byte of the answer. */
export class RawClient {
  /** What arrived so far, byte by byte as latin1. */
  text = "";
  readonly socket: Socket;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => (this.text += text));
    // Servers may reset it.
    socket.on("error", () => {});
  }

  static async connect(server: Server, request: string): Promise<RawClient> {
    const { port } = server.address() as AddressInfo;
    const client = new RawClient(connect({ port, host: "127.0.0.1", allowHalfOpen: true }));
    await once(client.socket, "connect");
    client.socket.write(request);
    return client;
  }

  /** The head of the answer, in lower case. */
  get head(): string {
    return this.text.split("\r\n\r\n", 1)[0]!.toLowerCase();
  }

  async readUntil(text: string): Promise<void> {
    while (!this.text.includes(text)) {
      await within(
        once(this.socket, "data"),
        `${JSON.stringify(text)} in ${JSON.stringify(this.text)}`,
      );
    }
  }

  /** Waits for the end of the connection, however it comes. */
  async readToEnd(): Promise<void> {
    if (this.socket.readableEnded || this.socket.destroyed) return;
    await within(
      new Promise((resolve) => this.socket.on("end", resolve).on("close", resolve)),
      `end after ${JSON.stringify(this.text)}`,
    );
  }
}
