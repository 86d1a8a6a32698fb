import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";

/** Serves a fetch-style handler on `node:http`, as the servers of that style do it. */
export function bridge(handler: (request: Request) => Response): RequestListener {
  return (req, res) => {
    const response = handler(toRequest(req, res));
    res.statusCode = response.status;
    for (const [name, value] of response.headers) res.appendHeader(name, value);
    if (!response.body) {
      res.end();
      return;
    }
    // It rejects when the client leaves, of which the handler's signal tells.
    pipeline(Readable.fromWeb(response.body as NodeReadableStream), res).catch(() => {});
  };
}

function toRequest(req: IncomingMessage, res: ServerResponse): Request {
  const left = new AbortController();
  res.on("close", () => left.abort());
  const headers = new Headers();
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    headers.append(req.rawHeaders[i] as string, req.rawHeaders[i + 1] as string);
  }
  const hasBody = req.method !== "GET" && req.method !== "HEAD";
  return new Request(`http://${req.headers.host}${req.url}`, {
    method: req.method as string,
    headers,
    signal: left.signal,
    ...(hasBody && { body: Readable.toWeb(req) as ReadableStream, duplex: "half" }),
  });
}
