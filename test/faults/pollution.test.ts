import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type CloseEvent,
  type EventEndpoint,
  type EventEndpointOptions,
  MemoryClosedClients,
  ServerSentEvent,
} from "../../src/index.ts";
import { type Host, startFetch, startHttp1, startHttp2 } from "../contract/host.ts";

/**
 * Everything that is read of objects of the user's, of events and requests, and what Node has not
 * got on every response. What breaks Node itself (`return`, `encoding`) is left out, and so are
 * names that only a runtime has (`Deno`).
 */
const NAMES = [
  ...["id", "event", "retry", "data", "detail", "lastEventId", "preventDefault"],
  ...["reconnectionTime", "keepAlive", "headers", "serialize", "highWaterMark", "stallTimeout"],
  ...["maxBufferedAmount", "maxDuration", "signal", "closedClients", "closedClientsScope"],
  ...["closeEvent", "lastEventIdParams", "onError", "noReconnect", "reason", "types", "end"],
  ...["ttl", "maxEntries", "replacer", "space", "last-event-id", "getReader"],
  ...["type", "stream", "flush"],
];
/** What JSON can bring, and a function. */
const VALUES = ["a\nb", 1, ["message"], () => "forged"];

/** Puts a property on every object for one turn of the event loop, in which nobody else runs. */
async function pollute<T>(name: string, value: unknown, run: () => Promise<T>): Promise<T> {
  const root = Object.prototype as Record<string, unknown>;
  root[name] = value;
  try {
    return await run();
  } finally {
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- as it came
    delete root[name];
  }
}

/** What is sent with getters that only a class has. */
class Fields {
  readonly #id = "class";
  get id(): string {
    return this.#id;
  }
  get event(): string {
    return "class";
  }
}
class Tick extends Event {
  readonly #data = "tick";
  get data(): string {
    return this.#data;
  }
  get id(): undefined {
    return undefined;
  }
}
class Options {
  readonly #scope = "class";
  get closedClientsScope(): string {
    return this.#scope;
  }
  get closeEvent(): string {
    return "class";
  }
}

/** Uses all there is, for one turn of the event loop, and says what came of it. */
async function use(events: EventEndpoint, log: string[]): Promise<void> {
  const tell = (what: string, answer: unknown) => log.push(`${what}: ${String(answer)}`);
  const dispatch = (event: Event) => void tell(event.type, events.dispatchEvent(event));
  tell("string", await events.send("string", "1"));
  tell("nothing", await events.send("nothing"));
  tell("id", await events.send({}, { id: "2" }));
  tell("event", await events.send("event", { event: "event" }));
  tell("none", await events.sendEvent("none", "none", {}));
  tell("class", await events.send("class", new Fields()));
  dispatch(new Event("local"));
  dispatch(new CustomEvent("local-custom", { detail: { a: 1 } }));
  dispatch(new CustomEvent("custom", { detail: { data: "custom" } }));
  dispatch(new ServerSentEvent("sse", { data: "sse" }));
  dispatch(new Tick("tick"));
  tell("message", events.dispatchMessage("message"));
  tell("piped", await events.pipe(["piped", { a: 1 }], null, { end: "keep-open" }));
  tell("mapped", await events.pipe([1], () => ({ data: "mapped" }), { end: "keep-open" }));
  const source = new EventTarget();
  void events.pipe(source);
  for (const type of ["message", "other"]) source.dispatchEvent(new Tick(type));
  tell("lastEventId", events.lastEventId);
  const clients = new MemoryClosedClients({});
  for (const id of ["a", "b"]) clients.add(id);
  tell("closed clients", [clients.has("a"), clients.has("b")]);
}

const ENDS: Record<string, (events: EventEndpoint) => unknown> = {
  "close()": (events) => events.close(),
  "close({})": (events) => events.close({}),
  "close(true)": (events) => events.close(true),
  "pipe()": (events) => events.pipe(["last"]),
};

describe.each([
  ["HTTP/1", startHttp1],
  ["HTTP/2", startHttp2],
  ["Fetch", startFetch],
])("over %s", (_, start) => {
  let host: Host;
  let options: EventEndpointOptions | undefined;
  let end: (typeof ENDS)[string];
  let pollution: readonly [name: string, value: unknown];
  let log: string[];
  let closed: Promise<void>;

  beforeAll(async () => {
    host = await start((open) => {
      closed = pollute(...pollution, async () => {
        const events = open(options);
        const over = new Promise<void>((resolve) => {
          events.addEventListener("close", ({ code, reason, wasClean }: CloseEvent) => {
            log.push(JSON.stringify({ code, reason, wasClean }));
            resolve();
          });
        });
        await use(events, log).catch((error: unknown) => log.push(String(error)));
        void end(events);
        await new Promise((resolve) => process.nextTick(resolve));
        return { over };
      }).then(({ over }) => over);
    });
  });
  afterAll(() => host.close());

  /** All that can be seen of one stream, from both ends. */
  async function observe(name: string, value: unknown): Promise<unknown> {
    pollution = [name, value];
    log = [];
    const client = await host.request({ headers: { "User-Agent": "x" } });
    const text = await client.readAll();
    await closed;
    const { status } = client;
    const headers = { ...client.headers, date: "" };
    return { status, headers, text: text.replace(/evt-closed\S+/, "evt-closed"), log };
  }

  it.each([
    ["close()", undefined],
    ["close({})", new Options()],
    ["close(true)", undefined],
    ["pipe()", new Options()],
  ])("an endpoint that ends by %s is the same, whatever is on every object", async (how, given) => {
    options = given;
    end = ENDS[how]!;
    const clean = await observe("unknown to anybody", 1);
    expect(log.join()).not.toContain("Error");
    for (const name of NAMES) {
      for (const value of VALUES) {
        expect(await observe(name, value), `${name}: ${String(value)}`).toEqual(clean);
      }
    }
  });
});

describe("a naive endpoint", () => {
  const format = (data: string, { id, event }: { id?: string; event?: string } = {}) =>
    `${event ? `event: ${event}\n` : ""}${id ? `id: ${id}\n` : ""}data: ${data}\n\n`;

  it("lets who pollutes one object write frames to everybody", async () => {
    const forge = () => Promise.resolve(format("x", {}));
    const frame = await pollute("event", "x\ndata: forged\n\n", forge);
    expect(frame).toBe("event: x\ndata: forged\n\n\ndata: x\n\n");
  });
});
