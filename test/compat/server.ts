import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** What answers requests; may be asynchronous, as in frameworks. */
export type Listener = (req: IncomingMessage, res: ServerResponse) => unknown;

/** Serves on `node:http` until the test is over, and answers with the URL. */
export async function serve(listener: Listener): Promise<string> {
  const server = createServer((req, res) => void listener(req, res)).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
