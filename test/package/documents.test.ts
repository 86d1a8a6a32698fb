import { type ChildProcess, execFile, fork } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RedisServer } from "../redis/redis-server.ts";
import { ROOT } from "../support/build.ts";
import { within } from "../support/inbox.ts";
import { describeWithProgram } from "../support/program.ts";
import { readEvents } from "../../src/testing/index.ts";
import { type Check, compile } from "./compile.ts";
import { Consumer } from "./consumer.ts";
import { type Block, findBlocks, findHeadings, findLinks, readDocuments } from "./documents.ts";

/** What the code takes for granted: the reader's own, and what other blocks import. */
const AMBIENT = `
  declare const EventEndpoint: typeof import("event-endpoint").EventEndpoint;
  declare const EventChannel: typeof import("event-endpoint").EventChannel;
  declare const MemoryEventLog: typeof import("event-endpoint").MemoryEventLog;
  declare const RedisEventLog: typeof import("event-endpoint/redis").RedisEventLog;
  declare const channel: import("event-endpoint").EventChannel;
  declare const events: import("event-endpoint").EventEndpoint;
  declare const closedClients: import("event-endpoint").ClosedClients;
  declare const client: import("ioredis").Redis;
  declare const source: EventSource;
  declare const server: import("node:http").Server;
  declare const req: import("node:http").IncomingMessage;
  declare const res: import("node:http").ServerResponse;
  declare const request: Request;
  declare const handler: (request: Request) => Response;
  declare const eventTarget: EventTarget;
  declare const asyncIterable: AsyncIterable<string>;
  declare const rows: { id: number }[];
  declare const user: { id: string };
  declare const timer: number;
  declare const big: string;
  declare const upstream: string;
  declare const message: string;
  declare function tooMany(): boolean;
  declare function load(event?: Event): void;
  declare function show(data: unknown): void;
  declare function mayRead(events: object, entry: import("event-endpoint").LogEntry): boolean;
  declare function readUser(request: object): Promise<{ id: string } | undefined>;
  declare class MyLog extends MemoryEventLog {}
  declare const app: any;
  declare const fastify: any;
  declare const router: any;
  declare const ctx: any;
  declare const assert: typeof import("node:assert");
`;

/** Libraries of others that are not installed here: their names are enough. */
const FOREIGN = [
  "@ayonli/jsext/sse",
  "@danet/core",
  "@fastify/sse",
  "@oak/oak",
  "better-sse",
  "express",
  "fastify",
  "hono",
  "hono/streaming",
  "https://deno.land/std@0.203.0/http/server_sent_event.ts",
  "h3",
]
  .map((name) => `declare module "${name}";\n`)
  .join("");

/** Lets a program listen on a port that is free, and says which. */
const FREE_PORT = `
  import net from "node:net";
  const { listen } = net.Server.prototype;
  net.Server.prototype.listen = function (port, ...rest) {
    this.once("listening", () => process.send(this.address().port));
    return listen.call(this, 0, ...rest);
  };
`;

const run = promisify(execFile);
const documents = await readDocuments();
const blocks = documents.flatMap(findBlocks);
/** A name for each block that the compiler and Node take. */
const nameOf = ({ place, language }: Block) => `${place.replace(/\W/g, "-")}.m${language}`;
const find = (...patterns: RegExp[]): [string, Block][] =>
  blocks
    .filter(
      ({ language, code }) =>
        language === "js" &&
        [/^import .* from "event-endpoint/m, ...patterns].every((p) => p.test(code)),
    )
    .map((block) => [block.place, block]);

const servers = find(/\.listen\(/);
const modules = find(/^export default \{/m);
const tests = find(/^test\(/m);

let consumer: Consumer;
beforeAll(async () => {
  consumer = await Consumer.create();
  const target = join(consumer.folder, "node_modules/ioredis");
  await symlink(join(ROOT, "node_modules/ioredis"), target, "junction");
  await writeFile(join(consumer.folder, "free-port.mjs"), FREE_PORT);
});
afterAll(() => consumer[Symbol.asyncDispose]());

/** Puts a program where it finds the package. */
async function install(block: Block): Promise<string> {
  const path = join(consumer.folder, nameOf(block));
  await writeFile(path, block.code);
  return path;
}

/** Starts a program, asks it for a stream, and takes the first event. */
async function startAndAsk(block: Block, env: Record<string, string> = {}): Promise<void> {
  const path = await install(block);
  const execArgv = ["--import", join(consumer.folder, "free-port.mjs")];
  const child: ChildProcess = fork(path, { execArgv, env: { ...process.env, ...env } });
  try {
    const port = await within(
      new Promise<number>((resolve, reject) => {
        child.on("message", (message) => resolve(message as number));
        child.on("exit", (code) => reject(new Error(`${block.place} ended with ${code}`)));
      }),
      `server of ${block.place}`,
    );
    const route = block.code.includes('"/events"') ? "/events" : "/";
    const stream = readEvents(`http://127.0.0.1:${port}${route}`);
    const { done } = await within(stream.next(), `event of ${block.place}`);
    expect(done).toBe(false);
    await stream.return(undefined);
  } finally {
    child.kill("SIGKILL");
  }
}

describe("the code in the read-me and in the guides", () => {
  let check: Check;
  beforeAll(async () => {
    const files = Object.fromEntries(blocks.map((block) => [nameOf(block), block.code]));
    check = await compile(
      consumer,
      { ...files, "ambient.d.ts": AMBIENT, "foreign.d.ts": FOREIGN },
      {
        allowJs: true,
        checkJs: true,
        noImplicitAny: false,
        skipLibCheck: true,
        // A block is a module, whether it imports something or not.
        moduleDetection: ts.ModuleDetectionKind.Force,
        module: ts.ModuleKind.NodeNext,
        moduleResolution: ts.ModuleResolutionKind.NodeNext,
        lib: [
          "lib.es2023.d.ts",
          "lib.esnext.disposable.d.ts",
          "lib.dom.d.ts",
          "lib.dom.iterable.d.ts",
        ],
        types: ["node"],
      },
    );
  });

  it.each(blocks.map((block) => [block.place, block] as const))("is right: %s", (_, block) => {
    expect(check.errorsIn(nameOf(block)), block.code).toEqual([]);
  });

  it("has programs of every kind", () => {
    expect(servers.length).toBeGreaterThan(4);
    expect(modules.length).toBeGreaterThan(0);
    expect(tests.length).toBeGreaterThan(0);
  });

  const needsRedis = ([, { code }]: [string, Block]) => code.includes('from "ioredis"');

  it.each(servers.filter((each) => !needsRedis(each)))("serves events: %s", async (_, block) => {
    await startAndAsk(block);
  });

  it.each(modules)("answers a request with events: %s", async (_, block) => {
    const path = await install(block);
    const script = `
      import { readEvents } from "event-endpoint/testing";
      const { default: handler } = await import(${JSON.stringify(path)});
      const stream = readEvents(await handler.fetch(new Request("http://host/")));
      console.log(JSON.stringify(await stream.next()));
      process.exit();`;
    expect(await consumer.run("module", script)).toMatchObject({ done: false });
  });

  it.each(tests)("is a test that passes: %s", async (_, block) => {
    // Not as a part of the run that this is.
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
    await run(process.execPath, [await install(block)], { env, timeout: 20_000 });
  });

  describeWithProgram(["redis-server"], "with a Redis", () => {
    let redis: RedisServer;
    beforeAll(async () => {
      redis = await RedisServer.start();
    });
    afterAll(() => redis[Symbol.asyncDispose]());

    it.each(servers.filter(needsRedis))("serves events: %s", async (_, block) => {
      await startAndAsk(block, { REDIS_URL: redis.url });
    });
  });
});

describe("the links in the read-me and in the guides", () => {
  it.each(documents.map((document) => [document.path, document] as const))(
    "lead somewhere: %s",
    async (_, document) => {
      for (const { path, heading } of findLinks(document)) {
        const target = path ? join(ROOT, dirname(document.path), path) : join(ROOT, document.path);
        expect(existsSync(target), path).toBe(true);
        if (heading) expect(findHeadings(await readFile(target, "utf8"))).toContain(heading);
      }
    },
  );
});
