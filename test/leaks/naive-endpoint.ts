import { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";

/** How it is often done. Nobody cleans up: the interval keeps the response for ever. */
export class NaiveEndpoint extends EventEmitter {
  readonly #res: ServerResponse;

  constructor(req: IncomingMessage, res: ServerResponse) {
    super();
    this.#res = res;
    res.writeHead(200, { "Content-Type": "text/event-stream" });
    this.send(`hello ${req.url}`);
    setInterval(() => this.send("still here"), 15_000).unref();
    res.on("close", () => this.emit("close"));
  }

  send(data: string): void {
    this.#res.write(`data: ${data}\n\n`);
  }
}
