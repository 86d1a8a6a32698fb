// The Streamable HTTP transport of the Model Context Protocol, with streams that can be resumed:
// https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { EventEndpoint } from "event-endpoint";

/** The answer to one request. It outlives its connection, because a lost one cancels nothing. */
class Stream {
  name = randomUUID();
  #messages = [];
  #ended = false;
  #events;

  /** Gives a connection what its client does not have yet, and then what is sent. */
  connect(events, received) {
    this.#events?.close(); // of the same client, which noticed the break before we did
    this.#events = events;
    // With an id from the start, a client can come back before the first message.
    if (received === undefined) events.send("", `${this.name}/0`);
    for (let i = received ?? 0; i < this.#messages.length; i++) this.#write(i);
    if (this.#ended) events.close();
  }

  send(message) {
    this.#messages.push({ jsonrpc: "2.0", ...message });
    this.#write(this.#messages.length - 1);
  }

  end() {
    this.#ended = true;
    this.#events.close();
  }

  #write(index) {
    this.#events.send(this.#messages[index], `${this.name}/${index + 1}`);
  }
}

const MAX = 1000;
const tool = {
  name: "count",
  description: "Counts, slowly",
  inputSchema: {
    type: "object",
    properties: { to: { type: "integer", maximum: MAX } },
    required: ["to"],
  },
};

async function callTool({ id, params }, stream) {
  const { to } = params.arguments;
  const { progressToken } = params._meta ?? {};
  for (let progress = 1; progress <= to; progress++) {
    await setTimeout(50);
    if (progressToken === undefined) continue;
    const method = "notifications/progress";
    stream.send({ method, params: { progressToken, progress, total: to } });
  }
  stream.send({ id, result: { content: [{ type: "text", text: `Counted to ${to}` }] } });
  stream.end();
}

/** The streams of each session, by their names. Yours forget those that ended some time ago. */
const sessions = new Map();

async function post(req, res) {
  const message = await json(req);
  const answer = (body) => {
    res.writeHead(200, { "Content-Type": "application/json" });
    res.end(JSON.stringify({ jsonrpc: "2.0", id: message.id, ...body }));
  };
  if (message.method === "initialize") {
    const session = randomUUID();
    sessions.set(session, new Map());
    res.setHeader("Mcp-Session-Id", session);
    return answer({
      result: {
        protocolVersion: "2025-11-25",
        capabilities: { tools: {} },
        serverInfo: { name: "event-endpoint-example", version: "1.0.0" },
      },
    });
  }
  const streams = findSession(req, res);
  if (!streams) return;
  if (message.id === undefined) return res.writeHead(202).end(); // a notification
  if (message.method === "ping") return answer({ result: {} });
  if (message.method === "tools/list") return answer({ result: { tools: [tool] } });
  const to = message.params?.arguments?.to;
  if (message.method !== "tools/call" || !Number.isInteger(to) || to > MAX) {
    return answer({ error: { code: -32601, message: "There is only a tool that counts" } });
  }
  const stream = new Stream();
  streams.set(stream.name, stream);
  stream.connect(open(req, res));
  await callTool(message, stream);
}

/** Resumes the stream that the client's last event came from. */
function get(req, res) {
  const streams = findSession(req, res);
  if (!streams) return;
  const id = req.headers["last-event-id"];
  if (id === undefined) return res.writeHead(405).end(); // we have nothing to say, only answers
  const [, name, received] = /^(.+)\/(\d+)$/.exec(id) ?? [];
  const stream = streams.get(name);
  if (stream) stream.connect(open(req, res), Number(received));
  else res.writeHead(404).end();
}

function open(req, res) {
  const events = new EventEndpoint(req, res);
  events.addEventListener("close", ({ code }) => console.log(`A connection ended: ${code}`));
  return events;
}

function findSession(req, res) {
  const id = req.headers["mcp-session-id"];
  const streams = sessions.get(id);
  if (!streams) res.writeHead(id ? 404 : 400).end();
  return streams;
}

const server = createServer(async (req, res) => {
  // Else a page of somebody else's could talk to this machine, by DNS rebinding.
  const { origin } = req.headers;
  if (origin && !/^https?:\/\/localhost(:\d+)?$/.test(origin)) return res.writeHead(403).end();
  try {
    if (req.method === "POST") await post(req, res);
    else if (req.method === "GET") get(req, res);
    else if (req.method === "DELETE") {
      res.writeHead(sessions.delete(req.headers["mcp-session-id"]) ? 200 : 404).end();
    } else res.writeHead(405).end();
  } catch {
    if (!res.headersSent) res.writeHead(400).end();
  }
});

server.listen(process.env.PORT ?? 3000, "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}/mcp`);
});
