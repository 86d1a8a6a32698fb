import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type ErrorStage, eventHandler, type EventEndpointOptions } from "../../src/index.ts";
import { type ProcessWatch, settle, watchProcess } from "../support/process-watch.ts";
import { within } from "../support/inbox.ts";
import {
  HARM,
  type Hook,
  HOOKS,
  iterable,
  MISDEEDS,
  misbehave,
  type Run,
  type Victim,
} from "./hooks.ts";
import { naiveHandler } from "./naive-endpoint.ts";
import { Neighbours } from "./neighbours.ts";
import { type Protocol, serve } from "./serve.ts";

type MakeHandler = (
  handler: (events: Victim) => any,
  options?: EventEndpointOptions,
) => ReturnType<typeof eventHandler>;

/** A server of many streams, of which one gets a hostile callback at a time. */
async function startServer(
  protocol: Protocol,
  makeHandler: MakeHandler,
  watch: ProcessWatch,
  answerMs?: number,
) {
  const streams: Victim[] = [];
  const serveNeighbour = makeHandler((events) => void streams.push(events));
  let handler = serveNeighbour;
  const { connect, close } = await serve(protocol, ((...args: [never]) =>
    handler(...args)) as typeof handler);
  const neighbours = await Neighbours.open(connect, streams);

  return {
    stop() {
      neighbours.leave();
      close();
      streams.length = 0;
    },

    /** Lets one hook misbehave, and says what that did. */
    async suffer(hook: Hook, misdeed: string) {
      const report = { calls: 0, closes: 0, told: [] as ErrorStage[] };
      let closed!: () => void;
      const close = new Promise<void>((resolve) => (closed = resolve));
      const run = {} as Run;
      run.harm = (value?: unknown) => {
        if (report.calls++ > 0) return value;
        neighbours.send();
        return misbehave(misdeed, run.events) ?? value;
      };
      const onError: EventEndpointOptions["onError"] = (_, { stage }) => report.told.push(stage);
      handler = makeHandler(
        (events) => {
          run.events = events;
          events.addEventListener("close", () => {
            report.closes++;
            closed();
          });
          return hook.handle?.(run);
        },
        { onError, ...hook.options?.(run) },
      );
      watch.clear();
      neighbours.send();
      run.client = await within(connect(hook.headers), "answer", answerMs);
      handler = serveNeighbour;
      const reading = run.client.readAll().catch(() => {});
      await hook.trigger?.(run);
      neighbours.send();
      await settle();
      if (hook.leaves) run.client.abort();
      else void run.events.close();
      await within(close, "close event");
      const counts = await neighbours.count();
      await settle();
      run.client.abort();
      await reading;
      const { crashes, uncaught, rejections } = watch;
      return { ...report, ...counts, crashes, uncaught: [...uncaught, ...rejections] };
    },
  };
}

/** What one misbehaving hook may do: nothing, but be told to `onError`, or uncaught if it listens. */
function expectedOf({ told, listens }: Hook, misdeed: string) {
  const stage = told?.[misdeed as keyof typeof told];
  const isUncaught = listens && (misdeed === "throws" || misdeed === "rejects");
  return {
    closes: 1,
    told: stage ? [stage] : [],
    crashes: isUncaught ? 1 : 0,
    uncaught: isUncaught ? [HARM] : [],
    lost: 0,
    doubled: 0,
    reordered: 0,
  };
}

const misdeedsOf = ({ skips }: Hook) => MISDEEDS.filter((misdeed) => !skips?.includes(misdeed));

type Server = Awaited<ReturnType<typeof startServer>>;

describe.each<Protocol>(["HTTP/1", "HTTP/2", "Fetch"])("over %s", (protocol) => {
  let watch: ProcessWatch;
  let server: Server;
  beforeAll(async () => {
    watch = watchProcess();
    server = await startServer(protocol, eventHandler, watch);
  });
  afterAll(() => {
    server.stop();
    watch.stop();
  });

  describe.each(Object.entries(HOOKS))("%s", (_name, hook) => {
    for (const misdeed of misdeedsOf(hook)) {
      it(`that ${misdeed} harms nobody`, async () => {
        const { calls, ...report } = await server.suffer(hook, misdeed);
        expect(report).toEqual(expectedOf(hook, misdeed));
        expect(calls).toBeGreaterThan(0);
        if (hook.once) expect(calls).toBe(1);
      });
    }
  });

  it("nothing of that made Node warn of anything", () => {
    expect(watch.warnings).toEqual([]);
  });

  /** Opens one endpoint, and what its client gets. */
  async function open(options: EventEndpointOptions, headers?: Record<string, string>) {
    let events!: Victim;
    const handler = eventHandler((opened) => void (events = opened), options);
    const { connect, close } = await serve(protocol, handler);
    onTestFinished(close);
    const client = await within(connect(headers), "answer");
    return { events, client };
  }

  it("a failed source is broken off although onError closes the endpoint", async () => {
    const { events, client } = await open({ onError: () => void events.close() });
    void events.pipe(iterable(() => Promise.reject(HARM)));
    await expect(client.readAll()).rejects.toThrow();
  });

  it("a client is told to stop although closedClients.add closes the endpoint", async () => {
    const closedClients = { has: () => false, add: () => void events.close() };
    const { events, client } = await open({ closedClients }, { "Last-Event-ID": "7" });
    void events.close(true);
    expect(await client.readAll()).toContain("id: evt-closed.");
  });

  it("close(true) within closedClients.add is the same close", async () => {
    let calls = 0;
    const add = () => {
      calls++;
      void events.close(true);
    };
    const closedClients = { has: () => false, add };
    const { events, client } = await open({ closedClients }, { "Last-Event-ID": "7" });
    void events.close(true);
    expect(calls).toBe(1);
    await client.readAll();
  });
});

describe("a naive endpoint", () => {
  /** By hook and misdeed: those that nobody was harmed by on the endpoint above. */
  const harms = new Map<string, string[]>();

  beforeAll(async () => {
    const watch = watchProcess();
    const server = await startServer("HTTP/1", naiveHandler as MakeHandler, watch, 500);
    for (const [name, hook] of Object.entries(HOOKS)) {
      const harmful: string[] = [];
      for (const misdeed of misdeedsOf(hook)) {
        // Some clients never get an answer, and some faults are thrown at who dispatches.
        const suffered = await server.suffer(hook, misdeed).catch(() => undefined);
        const { calls, ...report } = suffered ?? {};
        const isCalledAgain = hook.once && calls !== 1;
        if (isCalledAgain || !isDeepStrictEqual(report, expectedOf(hook, misdeed))) {
          harmful.push(misdeed);
        }
      }
      harms.set(name, harmful);
    }
    server.stop();
    watch.stop();
  });

  it.each(Object.keys(HOOKS))("is harmed by %s", (name) => {
    expect(harms.get(name)).not.toEqual([]);
  });

  // Taking long harms nobody: that the others wait is seen by what they lose, which is nothing.
  const harmful = MISDEEDS.filter((misdeed) => !misdeed.startsWith("takes"));
  it.each(harmful)("is harmed by a callback that %s", (misdeed) => {
    expect([...harms.values()].flat()).toContain(misdeed);
  });
});
