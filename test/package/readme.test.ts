import { readFile } from "node:fs/promises";
import { join } from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../support/build.ts";
import { type Check, compile } from "./compile.ts";
import { Consumer } from "./consumer.ts";

/** What the read-me's code takes for granted: the reader's own, and what other blocks import. */
const AMBIENT = `
  declare const EventEndpoint: typeof import("event-endpoint").EventEndpoint;
  declare const MemoryEventLog: typeof import("event-endpoint").MemoryEventLog;
  declare const channel: import("event-endpoint").EventChannel;
  declare const events: import("event-endpoint").EventEndpoint;
  declare const source: EventSource;
  declare const server: import("node:http").Server;
  declare const request: Request;
  declare const handler: (request: Request) => Response;
  declare const eventTarget: EventTarget;
  declare const asyncIterable: AsyncIterable<string>;
  declare const rows: { id: number }[];
  declare const user: { id: string };
  declare const timer: number;
  declare const big: string;
  declare const upstream: string;
  declare function tooMany(): boolean;
  declare function load(event: Event): void;
  declare function mayRead(events: object, entry: import("event-endpoint").LogEntry): boolean;
  declare class MyLog extends MemoryEventLog {}
  declare module "ioredis" {
    const Redis: new () => import("event-endpoint/redis").RedisClient;
  }
  declare const app: any;
  declare const fastify: any;
  declare const assert: typeof import("node:assert");
`;

const text = await readFile(join(ROOT, "README.md"), "utf8");
const blocks = [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code!);
const files = Object.fromEntries(blocks.map((code, i) => [`block-${i + 1}.mjs`, code]));

describe("the code in the read-me", () => {
  let consumer: Consumer;
  let check: Check;
  beforeAll(async () => {
    consumer = await Consumer.create();
    check = await compile(
      consumer,
      { ...files, "ambient.d.ts": AMBIENT },
      {
        allowJs: true,
        checkJs: true,
        noImplicitAny: false,
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
  afterAll(() => consumer[Symbol.asyncDispose]());

  it("is there", () => {
    expect(blocks.length).toBeGreaterThan(10);
  });

  it.each(Object.entries(files))("is right: %s", (name, code) => {
    expect(check.errorsIn(name), code).toEqual([]);
  });
});
