import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/**
 * Makes the `Request` that a fetch-style handler takes. Its signal is aborted when the client
 * leaves. Only for methods without a body.
 *
 * @param {import("node:http").IncomingMessage} req
 * @param {import("node:http").ServerResponse} res
 * @param {URL} url
 */
export function toRequest(req, res, url) {
  const leaving = new AbortController();
  const headers = new Headers();
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    headers.append(req.rawHeaders[i], req.rawHeaders[i + 1]);
  }
  const request = new Request(url, { method: req.method, headers, signal: leaving.signal });
  res.once("close", () => {
    // Also closed is a response that everything was written to. Looking at the request keeps it:
    // the signal of one that nobody has any more would not be aborted.
    if (!res.writableFinished && !request.signal.aborted) leaving.abort();
  });
  return request;
}

/**
 * Writes a handler's `Response` to the Node response: reads on only when the client does, cancels
 * the body when the client leaves, and breaks the connection off when the body fails.
 *
 * @param {Response} response
 * @param {import("node:http").ServerResponse} res
 */
export async function writeResponse(response, res) {
  res.statusCode = response.status;
  res.setHeaders(response.headers);
  if (!response.body) {
    res.end();
    return;
  }
  try {
    await pipeline(Readable.fromWeb(response.body), res);
  } catch {
    // The client has left, or the body failed: either way, the pipeline destroyed both ends.
  }
}
