// Stands for AWS Lambda behind a function URL: the globals of its Node.js, and what is between the
// function and its clients. Written by its documentation and the public runtime interface client:
// the head is JSON before the first byte of the body, and eight NULs after it.
import { createServer } from "node:http";
import { Writable } from "node:stream";

const PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response";
const TIMEOUT_MS = 5_000;

globalThis.awslambda = {
  streamifyResponse: (handler) => handler,
  HttpResponseStream: {
    from(stream, prelude) {
      stream.setContentType(PRELUDE_TYPE);
      stream.beforeFirstWrite = `${JSON.stringify(prelude)}${"\0".repeat(8)}`;
      return stream;
    },
  },
};

/** What the function writes to. Without a write, there is no head. */
class ResponseStream extends Writable {
  contentType = "";
  beforeFirstWrite = "";
  #res;
  #head = "";
  #hasHead = false;

  constructor(res) {
    super();
    this.#res = res;
    res.on("close", () => this.destroy());
  }

  setContentType(type) {
    this.contentType = type;
  }

  write(chunk, ...rest) {
    const prelude = this.beforeFirstWrite;
    this.beforeFirstWrite = "";
    if (prelude) super.write(prelude);
    return super.write(chunk, ...rest);
  }

  end(chunk, ...rest) {
    if (typeof chunk === "string" || chunk instanceof Uint8Array) this.write(chunk);
    return super.end(...rest);
  }

  _write(chunk, encoding, callback) {
    if (this.#hasHead) {
      this.#res.write(chunk, callback);
      return;
    }
    this.#head += chunk;
    const [json, body] = this.#head.split("\0".repeat(8));
    if (body !== undefined) {
      this.#hasHead = true;
      const { statusCode, headers, cookies } = JSON.parse(json);
      if (cookies.length > 0) this.#res.setHeader("Set-Cookie", cookies);
      this.#res.writeHead(statusCode, headers);
      this.#res.write(body);
    }
    callback();
  }

  _final(callback) {
    if (!this.#hasHead) this.#res.writeHead(502);
    this.#res.end(callback);
  }
}

const { handler } = await import("../../examples/lambda.js");

const server = createServer((req, res) => {
  const { pathname, search } = new URL(req.url, "http://localhost");
  const event = {
    version: "2.0",
    rawPath: pathname,
    rawQueryString: search.slice(1),
    headers: req.headers,
    requestContext: { domainName: "localhost", http: { method: req.method, path: pathname } },
    isBase64Encoded: false,
  };
  const endAt = Date.now() + TIMEOUT_MS;
  const timeout = setTimeout(() => {
    console.log("The function took too long");
    res.destroy();
  }, TIMEOUT_MS);
  const context = { getRemainingTimeInMillis: () => endAt - Date.now() };
  handler(event, new ResponseStream(res), context)
    .catch((error) => console.log(`The function failed: ${error}`))
    .finally(() => clearTimeout(timeout));
});
server.listen(process.env.PORT, () => console.log(`http://localhost:${server.address().port}/`));
