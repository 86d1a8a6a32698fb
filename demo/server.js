import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { EventEndpoint } from "event-endpoint";
import { Clients } from "./clients.js";
import { toRequest, writeResponse } from "./fetch-bridge.js";
import { readMachine, startSampler } from "./sampler.js";

const DEFAULT_PORT = 3000;
// Only this machine: the demo tells everybody who asks how busy it is.
const DEFAULT_HOST = "127.0.0.1";

/** Short, so that people see the reconnect that they asked for. */
const STREAM_OPTIONS = { reconnectionTime: 1000 };

/** What clients have, at the end, to take what was sent. */
const STOP_TIMEOUT_MS = 10_000;

const FILES = new Map([
  ["/", ["index.html", "text/html; charset=utf-8"]],
  ["/page.css", ["page.css", "text/css; charset=utf-8"]],
  ["/page.js", ["page.js", "text/javascript; charset=utf-8"]],
]);

/** Everything that the page needs is here. */
const PAGE_POLICY = "default-src 'self'; img-src data:; base-uri 'none'; form-action 'none'";

/** Chosen by the page, at random: who knows it may end the client's streams. */
const CLIENT_TOKEN = /^[0-9a-f]{16}$/;
const CLIENT_PATH = /^\/clients\/([^/]+)(?:\/(drop|goodbye))?$/;
const STREAM_PATH = /^\/events\/(node|fetch)$/;

const clients = new Clients();
const machine = readMachine();
const sampler = startSampler((sample) => clients.publish("sample", sample));

const server = createServer(async (req, res) => {
  try {
    await answer(req, res);
  } catch (error) {
    console.error(error);
    if (res.headersSent) res.destroy();
    else sendJson(res, 500, { error: "Something is wrong with the demo" });
  }
});

async function answer(req, res) {
  const url = readUrl(req);
  if (!url) return sendJson(res, 400, { error: "The address cannot be read" });

  const file = FILES.get(url.pathname);
  if (file) return allow(req, res, "GET", "HEAD") && sendFile(res, ...file);

  const [, adapter] = STREAM_PATH.exec(url.pathname) ?? [];
  if (adapter) return allow(req, res, "GET", "HEAD") && openStream(req, res, url, adapter);

  const [, token, action] = CLIENT_PATH.exec(url.pathname) ?? [];
  if (action) return allow(req, res, "POST") && endStream(res, token, action);
  if (token) return allow(req, res, "GET", "HEAD") && describeClient(res, token);

  sendJson(res, 404, { error: "There is nothing here" });
}

/** The stream itself, through one adapter or the other. */
function openStream(req, res, url, adapter) {
  const token = url.searchParams.get("client") ?? randomBytes(8).toString("hex");
  if (!CLIENT_TOKEN.test(token)) {
    return sendJson(res, 400, { error: '"client" must be 16 hexadecimal digits' });
  }
  if (!EventEndpoint.accepts(req)) {
    return sendJson(res, 406, { error: "This is a text/event-stream" });
  }
  const request = adapter === "fetch" ? toRequest(req, res, url) : undefined;
  const events = request
    ? new EventEndpoint(request, STREAM_OPTIONS)
    : new EventEndpoint(req, res, STREAM_OPTIONS);
  clients.getOrCreate(token).join(events, {
    adapter,
    header: req.headers["last-event-id"],
    machine,
    history: sampler.history,
  });
  return request && writeResponse(events.response, res);
}

/** What the page's buttons ask for: an end that the client comes back from, or one for good. */
function endStream(res, token, action) {
  const client = clients.get(token);
  if (!client) return sendJson(res, 404, { error: "No such client" });
  if (!client.isOnline) return sendJson(res, 409, { error: "This client has no open stream" });
  // Not awaited: a client that does not read would keep the answer waiting.
  void client.close(action === "goodbye");
  sendJson(res, 202, { client: token, action });
}

function describeClient(res, token) {
  const client = clients.get(token);
  if (client) sendJson(res, 200, client.describe());
  else sendJson(res, 404, { error: "No such client" });
}

function readUrl(req) {
  // Most requests have a path, those to a proxy a whole address; "*" is neither.
  const origin = `http://${req.headers.host ?? "localhost"}`;
  const text = req.url.startsWith("/") ? origin + req.url : req.url;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // A Request refuses an address with a name and a password in it.
  return url?.username || url?.password ? undefined : url;
}

function allow(req, res, ...methods) {
  if (methods.includes(req.method)) return true;
  res.setHeader("Allow", methods.join(", "));
  sendJson(res, 405, { error: `Only ${methods.join(" and ")} here` });
  return false;
}

async function sendFile(res, name, type) {
  // Read each time, so that a change to the page shows up at once.
  const content = await readFile(new URL(`page/${name}`, import.meta.url));
  res.writeHead(200, {
    "Content-Type": type,
    "Content-Length": content.length,
    "Content-Security-Policy": PAGE_POLICY,
    "Cache-Control": "no-cache",
  });
  res.end(content);
}

function sendJson(res, status, value) {
  res.writeHead(status, {
    "Content-Type": "application/json; charset=utf-8",
    "Cache-Control": "no-store",
  });
  res.end(JSON.stringify(value));
}

function listen(port, host) {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve(server.address());
    });
  });
}

async function start() {
  const host = process.env.HOST || DEFAULT_HOST;
  const port = Number(process.env.PORT || DEFAULT_PORT);
  try {
    return await listen(port, host);
  } catch (error) {
    if (error.code !== "EADDRINUSE" && error.code !== "EACCES") throw error;
    console.log(`Port ${port} is not free, taking another.`);
    return listen(0, host);
  }
}

/** Ends every stream between two events; the pages come back when there is a server again. */
async function stop() {
  sampler.stop();
  // Connections end with the response that is on them, and those without one at once.
  server.keepAliveTimeout = 1;
  server.close();
  await clients.close();
  // Unless somebody does not take the rest.
  setTimeout(() => server.closeAllConnections(), STOP_TIMEOUT_MS).unref();
}

const { address, family, port } = await start();
const origin = `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
console.log(`
  The page:    ${origin}/
  The stream:  curl -N ${origin}/events/node
  The end:     Ctrl+C
`);
process.once("SIGINT", stop);
process.once("SIGTERM", stop);
