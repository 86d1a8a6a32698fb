import fc from "fast-check";
import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { EventEndpoint, MemoryClosedClients } from "../../src/index.ts";
import { bridge } from "../support/fetch-bridge.ts";
import { type Answers, readAnswers } from "../support/http-answers.ts";
import { within } from "../support/inbox.ts";
import { type ProcessWatch, settle, watchProcess } from "../support/process-watch.ts";
import { RawClient } from "../support/raw.ts";
import { reportProgress } from "../support/progress.ts";
import { isSoak } from "../support/counts.ts";
import { runsOf } from "../support/seed.ts";
import { type Attack, get, randomAttack, TABLE } from "./attacks.ts";

const RUNS = runsOf("requests");
/** What anything may be answered with. */
const ALLOWED = [100, 200, 204, 400, 413, 417, 431];
/** How many of them are under way at once. */
const BATCH = 20;

/** Opens the endpoint of a request and ends it at once, so that its answer becomes whole. */
type Serve = (open: () => EventEndpoint) => void;

const FORMS: Record<string, (serve: Serve) => RequestListener> = {
  "node:http": (serve) => (req, res) => serve(() => new EventEndpoint(req, res, OPTIONS)),
  "fetch-style": (serve) => (req, res) => {
    let served = false;
    const answer = (request: Request) => {
      let response: Response | undefined;
      served = true;
      serve(() => {
        const events = new EventEndpoint(request, OPTIONS);
        response = events.response;
        return events;
      });
      return response!;
    };
    try {
      bridge(answer)(req, res);
    } catch (error) {
      if (served) throw error;
      // Such servers refuse what is no Request: an impossible URL, TRACE.
      res.writeHead(400).end();
    }
  },
};
const OPTIONS = { closedClients: new MemoryClosedClients() };

/** May an application be given this for what its client received last? */
function isSafeId(id: string): boolean {
  // eslint-disable-next-line no-control-regex -- that is what must not get in
  return !/[\0-\x08\x0a-\x1f\x7f]|^\s|\s$/.test(id) && Buffer.byteLength(id) <= 1024;
}

/** A client of HTTP/1.0 would take chunks for text. */
function isFramedFor({ bytes }: Attack, { whole }: Answers): boolean {
  return !bytes.includes(" HTTP/1.0\r\n") || !whole.some(({ headers }) => headers.has(CHUNKED));
}
const CHUNKED = "transfer-encoding";

/** Attacks, leaves, and says what came of it. */
async function attack(
  server: Server,
  { bytes, ...attack }: Attack,
  answerMs?: number,
): Promise<Answers> {
  const { methods = [], answers = 0, leave = "FIN" } = attack;
  const client = await RawClient.connect(server, "");
  const { socket } = client;
  const hasEnded = () => socket.readableEnded || socket.destroyed;
  const read = () => readAnswers(client.text, methods, hasEnded());
  const ended = client.readToEnd();
  socket.write(bytes, "latin1");
  const answered = new Promise<void>((resolve) => {
    const look = () => {
      const { whole, fault } = read();
      if (hasEnded() || whole.length >= answers || fault) resolve();
    };
    for (const event of ["data", "end", "close"]) socket.on(event, look);
    look();
  });
  try {
    await within(answered, `answer to ${JSON.stringify(bytes.slice(0, 300))}`, answerMs);
    if (leave === "RST") socket.resetAndDestroy();
    else socket.end();
    await ended;
    return read();
  } finally {
    socket.destroy();
  }
}

describe.each(Object.entries(FORMS))("a %s server", (form, listen) => {
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  let watch: ProcessWatch;
  /** Endpoints that are not over yet, and what they got wrong. */
  let open = 0;
  const faults: string[] = [];

  const serve: Serve = (create) => {
    const events = create();
    open++;
    let closes = 0;
    events.addEventListener("close", () => {
      open--;
      if (++closes > 1) faults.push("closed twice");
    });
    const id = events.lastEventId;
    if (!isSafeId(id)) faults.push(`lastEventId ${JSON.stringify(id)}`);
    void events.send(id);
    void events.close();
  };

  beforeAll(async () => {
    watch = watchProcess();
    // Node's own limit, and one that lets everything through.
    for (const options of [{}, { maxHeaderSize: 262_144 }]) {
      const server = createServer(options, listen(serve));
      server.on("connection", (socket) => {
        sockets.add(socket);
        socket.on("close", () => sockets.delete(socket));
      });
      await once(server.listen(0, "127.0.0.1"), "listening");
      servers.push(server);
    }
  });
  afterAll(() => {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
    watch.stop();
  });

  /** A client that does everything right is served, and nothing is left of those who did not. */
  async function expectHealth() {
    for (const server of servers) {
      const { port } = server.address() as AddressInfo;
      const headers = { "Last-Event-ID": "41" };
      const response = await fetch(`http://127.0.0.1:${port}/`, { headers });
      expect(response.status).toBe(200);
      expect(await response.text()).toBe(":\ndata: 41\n\n");
    }
    await within(
      (async () => {
        while (open > 0) await settle(1);
      })(),
      "end of all endpoints",
    );
    await settle();
    expect({ crashes: watch.crashes, faults }).toEqual({ crashes: 0, faults: [] });
  }

  it.each(Object.entries(TABLE))("survives %s", async (_name, attacks) => {
    const suffer = async (server: Server, [each, statuses]: [Attack, number[]]) => {
      const said = await attack(server, each);
      const { whole, fault } = said;
      const what = JSON.stringify(each.bytes.slice(0, 300));
      expect(fault, what).toBeUndefined();
      expect(isFramedFor(each, said), what).toBe(true);
      const { answers = 0 } = each;
      expect(whole.length, what).toBeGreaterThanOrEqual(answers);
      // Then it left, perhaps in the middle of a body.
      for (const [i, { status }] of whole.entries()) {
        expect(i < answers ? statuses : ALLOWED, what).toContain(status);
      }
    };
    for (const [index, server] of servers.entries()) {
      // Where there is one for each byte, the limits of the servers make no difference.
      const isShared = attacks.length > 500 && !isSoak;
      const own = attacks.filter((_, i) => !isShared || i % servers.length === index);
      for (let i = 0; i < own.length; i += BATCH) {
        await Promise.all(own.slice(i, i + BATCH).map((each) => suffer(server, each)));
      }
    }
    await expectHealth();
  });

  it(
    `survives ${RUNS} requests made up at random`,
    async () => {
      const seen = new Set<number>();
      const progress = reportProgress(`requests to the ${form} server`, RUNS);
      const batch = fc.array(randomAttack, { minLength: BATCH, maxLength: BATCH });
      const property = fc.asyncProperty(batch, async (attacks) => {
        const answers = await Promise.all(
          attacks.map((each, i) => attack(servers[i % servers.length]!, each)),
        );
        for (const { whole, fault } of answers) {
          expect(fault).toBeUndefined();
          for (const { status } of whole) {
            seen.add(status);
            expect(ALLOWED).toContain(status);
          }
        }
        expect({ crashes: watch.crashes, faults }).toEqual({ crashes: 0, faults: [] });
        progress(BATCH);
      });
      await fc.assert(property, { numRuns: Math.ceil(RUNS / BATCH) });
      // Else they are too odd to be a test.
      if (RUNS >= 1_000)
        expect([...seen]).toEqual(expect.arrayContaining([100, 200, 204, 400, 431]));
      await expectHealth();
    },
    30_000 + RUNS * 20,
  );
});

/** Pipelines requests for streams that stay open; all but the first wait for their turn. */
async function pipeline(count: number) {
  const watch = watchProcess();
  const closes: string[] = [];
  let opened = 0;
  const server = createServer((req, res) => {
    opened++;
    const events = new EventEndpoint(req, res);
    events.addEventListener("close", ({ code }) => closes.push(code));
  });
  onTestFinished(() => {
    watch.stop();
    server.close().closeAllConnections();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const client = await RawClient.connect(server, get().repeat(count));
  await client.readUntil(":\n");
  const left = new Promise<void>((resolve) => {
    const look = () => server.getConnections((_, open) => (open ? setImmediate(look) : resolve()));
    look();
  });
  client.socket.resetAndDestroy();
  await within(left, "end of the connection");
  await settle();
  const { crashes, warnings } = watch;
  return { opened, closes, crashes, warnings: warnings.map(({ name }) => name) };
}

// A response without a socket does not close; only the connection tells that its client left.
it("endpoints of pipelined requests that never had their turn end with the client", async () => {
  const { opened, closes, crashes } = await pipeline(50);
  expect({ opened, crashes }).toEqual({ opened: 50, crashes: 0 });
  expect(closes).toEqual(Array<string>(50).fill("client-left"));
});

it("50 pipelined requests do not make Node warn of a leak", async () => {
  expect((await pipeline(50)).warnings).toEqual([]);
});

/** Reads requests to their end, believes what they say, and says it again. */
class NaiveServer {
  open = 0;
  readonly ids: string[] = [];

  async serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    this.open++;
    res.on("close", () => this.open--);
    await req.forEach(() => {});
    const { search } = new URL(req.url!, `http://${req.headers.host}`);
    const query = search.split(/[?&]last_?event_?id=/i)[1];
    const id = String(req.headers["last-event-id"] ?? decodeURIComponent(query ?? ""));
    this.ids.push(id);
    const headers = { "Content-Type": "text/event-stream", "X-Resumed-From": id };
    if (id.startsWith("evt-closed.")) return void res.writeHead(204, headers).end();
    res.writeHead(200, { ...headers, "Transfer-Encoding": "chunked" });
    res.end(`id: ${id}\ndata: x\n\n`);
  }
}

it.each(Object.entries(TABLE))("a naive server is harmed by %s", async (_name, attacks) => {
  const watch = watchProcess();
  const naive = new NaiveServer();
  const server = createServer({ maxHeaderSize: 262_144 }, (req, res) => void naive.serve(req, res));
  onTestFinished(() => {
    watch.stop();
    server.close().closeAllConnections();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const isHarmedBy = async ([each, statuses]: [Attack, number[]]) => {
    // Who crashes the server gets no answer.
    const said = await attack(server, each, 500).catch(() => undefined);
    const { answers = 0 } = each;
    await settle();
    return (
      !said ||
      said.whole.length < answers ||
      said.whole.some(({ status }, i) => i < answers && !statuses.includes(status)) ||
      !isFramedFor(each, said) ||
      !naive.ids.every(isSafeId) ||
      watch.crashes > 0
    );
  };
  let isHarmed = false;
  for (const each of attacks) if ((isHarmed = await isHarmedBy(each))) break;
  // All clients have left by now.
  expect(isHarmed || naive.open > 0).toBe(true);
});
