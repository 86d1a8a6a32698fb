import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { EventChannel, EventEndpoint } from "event-endpoint";
import { Clients } from "./clients.js";
import { toRequest, writeResponse } from "./fetch-bridge.js";
import { allow, HttpError, readJson, readUrl, sendJson } from "./http.js";
import { readMachine, startSampler } from "./sampler.js";

const DEFAULT_PORT = 3000;
// Only this machine: the demo tells everybody who asks how busy it is.
const DEFAULT_HOST = "127.0.0.1";

/** Short, so that people see the reconnect that they asked for. */
const STREAM_OPTIONS = { reconnectionTime: 1000 };
/** Pages come back this many milliseconds after the end of the server, if there is one again. */
const SPREAD = [1000, 3000];
/** What clients have, at the end, to take what was sent. */
const STOP_TIMEOUT_MS = 10_000;
/** Those who come and go within this time are announced together. */
const ANNOUNCE_MS = 100;

/** For how long a client can ask to be dropped. */
const MAX_DROP_SECONDS = 60;
/** As the page's input has it. */
const MAX_TEXT_LENGTH = 280;
const MAX_BODY_LENGTH = 4096;

const FILES = new Map(
  [
    ["/", "index.html", "text/html"],
    ["/page.css", "page.css", "text/css"],
    ...["page", "connection", "chart", "lists", "tally"].map((name) => [
      `/${name}.js`,
      `${name}.js`,
      "text/javascript",
    ]),
  ].map(([path, name, type]) => [path, { name, type: `${type}; charset=utf-8` }]),
);

/** Everything that the page needs is here. */
const PAGE_POLICY = "default-src 'self'; img-src data:; base-uri 'none'; form-action 'none'";

/** Chosen by the page, at random: who knows it may end the client's streams. */
const CLIENT_TOKEN = /^[0-9a-f]{16}$/;
const CLIENT_PATH = /^\/clients\/([^/]+)(?:\/(drop|goodbye|messages))?$/;
const STREAM_PATH = /^\/events\/(node|fetch)$/;

/** What everybody follows, whichever adapter brings it to them. */
const channel = new EventChannel();
const clients = new Clients();
const machine = readMachine();
const sampler = startSampler((sample) => void publish("sample", sample));
let published = 0;
let announcement;

/**
 * Sends an event to everybody, now or when they are back. The number is for the page: by it, and
 * not by the ids that are to be proven, it finds out what is missing and what came twice.
 */
function publish(event, data) {
  return channel.sendEvent(event, { number: ++published, ...data });
}

/** Tells everybody how many there are. Only those who are there care, so it is not for the log. */
function announceMembers() {
  announcement ??= setTimeout(() => {
    announcement = undefined;
    const fetch = [...channel].filter(({ response }) => response).length;
    const members = { node: channel.size - fetch, fetch };
    // A channel that is closed has nobody to tell.
    channel.sendEvent("members", members, { transient: true }).catch(() => {});
  }, ANNOUNCE_MS);
}

const server = createServer(async (req, res) => {
  try {
    await answer(req, res);
  } catch (error) {
    const isOurs = error instanceof HttpError;
    // Somebody who leaves while they are asking is no fault.
    if (!isOurs && !res.destroyed) console.error(error);
    if (res.headersSent) res.destroy();
    else if (isOurs) sendJson(res, error.status, { error: error.message }, error.headers);
    else sendJson(res, 500, { error: "Something is wrong with the demo" });
  }
});

function answer(req, res) {
  const url = readUrl(req);
  const file = FILES.get(url.pathname);
  if (file) return sendFile(req, res, file);

  const [, adapter] = STREAM_PATH.exec(url.pathname) ?? [];
  if (adapter) return openStream(req, res, url, adapter);

  const [, token, action] = CLIENT_PATH.exec(url.pathname) ?? [];
  if (!token) throw new HttpError(404, "There is nothing here");
  if (action) allow(req, "POST");
  else allow(req, "GET", "HEAD");
  const client = clients.get(token);
  if (!client) throw new HttpError(404, "No such client");
  if (action === "messages") return publishMessage(req, res, client);
  if (action) return endStream(req, res, client, action);
  return sendJson(res, 200, client.describe());
}

/** The stream itself, through one adapter or the other. */
function openStream(req, res, url, adapter) {
  allow(req, "GET", "HEAD");
  const token = url.searchParams.get("client") ?? randomBytes(8).toString("hex");
  if (!CLIENT_TOKEN.test(token)) {
    throw new HttpError(400, '"client" must be 16 hexadecimal digits');
  }
  if (!EventEndpoint.accepts(req)) throw new HttpError(406, "This is a text/event-stream");

  const request = adapter === "fetch" ? toRequest(req, res, url) : undefined;
  const events = request
    ? new EventEndpoint(request, STREAM_OPTIONS)
    : new EventEndpoint(req, res, STREAM_OPTIONS);
  const client = clients.getOrCreate(token);
  client.follow(events, req.headers["last-event-id"]);
  greet(events, client, adapter);
  // First what this client missed, then everything as it comes, until one of both leaves.
  void channel.add(events);
  events.addEventListener("close", announceMembers);
  announceMembers();
  return request && writeResponse(events.response, res);
}

/** What only this client is told. It has no id: the client's place in the log stays where it is. */
function greet(events, client, adapter) {
  const { lastEventId } = events;
  void events.sendEvent("hello", {
    client: client.number,
    adapter,
    lastEventId,
    // Up to here, the numbers of what follows are a replay.
    published,
    machine,
    // Who was here before has a chart already.
    history: lastEventId ? [] : sampler.history,
  });
}

/** What the page's buttons ask for: an end that the client comes back from, or one for good. */
async function endStream(req, res, client, action) {
  const options = action === "drop" ? await readDrop(req) : { noReconnect: true };
  if (!client.isOnline) throw new HttpError(409, "This client has no open stream");
  client.close(options);
  sendJson(res, 202, { action });
}

async function readDrop(req) {
  const { seconds } = await readJson(req, MAX_BODY_LENGTH);
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= MAX_DROP_SECONDS) {
    return { reconnectionTime: seconds * 1000 };
  }
  throw new HttpError(400, `"seconds" must be a whole number from 1 to ${MAX_DROP_SECONDS}`);
}

/** A message from one to all. It is text, and stays text all the way to the pages. */
async function publishMessage(req, res, client) {
  const { text } = await readJson(req, MAX_BODY_LENGTH);
  if (typeof text !== "string" || !text.trim()) {
    throw new HttpError(400, '"text" must be a text that is not empty');
  }
  if (text.length > MAX_TEXT_LENGTH || /\p{Cc}/u.test(text)) {
    throw new HttpError(400, `"text" must be one line of at most ${MAX_TEXT_LENGTH} characters`);
  }
  if (!client.mayPublish()) {
    throw new HttpError(429, "That is too fast, wait a second", { "Retry-After": "1" });
  }
  const id = await publish("message", { client: client.number, text });
  sendJson(res, 201, { id });
}

async function sendFile(req, res, { name, type }) {
  allow(req, "GET", "HEAD");
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
  await channel.close({ spread: SPREAD });
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
