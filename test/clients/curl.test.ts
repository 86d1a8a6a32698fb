import { spawn } from "node:child_process";
import { once } from "node:events";
import { randomUUID } from "node:crypto";
import { describe, expect, it, onTestFinished } from "vitest";
import { within } from "../support/inbox.ts";
import { describeWithProgram } from "../support/program.ts";
import { type ServerKind, startStoryServer, type Visit } from "../support/story-server.ts";
import { Transcript } from "../support/transcript.ts";

interface Setup {
  kind: ServerKind;
  flags: string[];
  /** What the connection adds to the headers. */
  connection: Record<string, string>;
}

const KEPT = { connection: "keep-alive", "transfer-encoding": "chunked" };

const SETUPS: [name: string, setup: Setup][] = [
  ["node:http", { kind: "node:http", flags: ["--http1.1"], connection: KEPT }],
  [
    "node:http by HTTP/1.0",
    { kind: "node:http", flags: ["--http1.0"], connection: { connection: "close" } },
  ],
  ["fetch", { kind: "fetch", flags: ["--http1.1"], connection: KEPT }],
  ["h2c", { kind: "h2c", flags: ["--http2-prior-knowledge"], connection: {} }],
  ["h2", { kind: "h2", flags: ["--http2", "--insecure"], connection: {} }],
];

/** HTTP/1.0 has no second request, and the one of curl 7.88 over h2c no server understands. */
const CANNOT_GO_ON = ["--http1.0", "--http2-prior-knowledge"];

describeWithProgram(["curl"], "curl", (program) => {
  /** Runs curl, whose output begins with the head of the response. */
  const run = (...args: string[]) => {
    // -q: whatever the user of this machine prefers.
    const child = spawn(program, ["-q", "-sS", "-N", "-i", "--noproxy", "*", ...args]);
    onTestFinished(() => void child.kill("SIGKILL"));
    const output = new Transcript();
    child.stdout.on("data", (bytes: Uint8Array) => output.add(bytes));
    const closed = once(child, "close");
    const exit = async () => {
      const [code] = (await within(closed, "exit of curl")) as [number | null];
      return { code, ...parse(output.text) };
    };
    return { child, output, exit };
  };

  describe.each(SETUPS)("with %s", (_name, { kind, flags, connection }) => {
    const start = async () => {
      const headers = { "Access-Control-Allow-Origin": "*" };
      const server = await startStoryServer(kind, { headers });
      onTestFinished(() => server.close());
      const url = `${server.origin}/events`;
      const open = async (...args: string[]) => {
        const curl = run(...flags, ...args, url);
        return { ...curl, ...(await server.nextVisit()) };
      };
      return { server, url, open };
    };

    /** 204, nothing of the stream, and what the application had set. */
    const expectRefusal = async ({ exit, events }: ReturnType<typeof run> & Visit) => {
      const { code, status, headers, body } = await exit();
      expect({ code, status, body }).toEqual({ code: 0, status: 204, body: "" });
      delete headers["keep-alive"];
      expect(headers).toEqual({
        "access-control-allow-origin": "*",
        date: expect.any(String),
        ...("connection" in connection && { connection: connection.connection }),
      });
      expect(events.closed).toBe(true);
    };

    it("gets status, headers and a first byte before anything is sent", async () => {
      const { open } = await start();
      const { output } = await open();
      const { status, headers, body } = parse(await output.until("\r\n\r\n:\n"));
      expect(status).toBe(200);
      delete headers["keep-alive"];
      expect(headers).toEqual({
        "access-control-allow-origin": "*",
        "cache-control": "no-cache, no-transform",
        "content-type": "text/event-stream",
        date: expect.any(String),
        "x-accel-buffering": "no",
        ...connection,
      });
      expect(body).toBe(":\n");
    });

    it("prints each event as it is sent, exactly, and ends well after close()", async () => {
      const { open } = await start();
      const { output, exit, events } = await open();
      void events.send("two\nlines", "0");
      await output.until("\n\n");
      void events.sendEvent("tick", "Grüße 👋", { retry: 5 });
      await output.until("👋\n\n");
      void events.send("");
      void events.close();
      expect(await exit()).toMatchObject({
        code: 0,
        body:
          ":\n" +
          "id: 0\ndata: two\ndata: lines\n\n" +
          "event: tick\nretry: 5\ndata: Grüße 👋\n\n" +
          "data: \n\n",
      });
    });

    it("is refused with 204 and no body by the id of the goodbye", async () => {
      const { open } = await start();
      const { exit, events } = await open();
      void events.close(true);
      const { code, body } = await exit();
      expect(code).toBe(0);
      expect(body).toMatch(/^:\nevent: close\nid: \S+\ndata: \n\n$/);
      const id = /^id: (.*)$/m.exec(body)![1]!;
      await expectRefusal(await open("-H", `Last-Event-ID: ${id}`));
    });

    it("is refused by the id that it had when it was closed for good", async () => {
      const { open } = await start();
      const id = `é ${randomUUID()}`;
      const { exit, events } = await open("-H", `Last-Event-ID: ${id}`);
      expect(events.lastEventId).toBe(id);
      void events.close(true);
      await exit();
      await expectRefusal(await open("-H", `Last-Event-ID: ${id}`));
    });

    it("fails when the connection is reset in the middle", async () => {
      const { server, open } = await start();
      const { output, exit, events } = await open();
      void events.send("x");
      await output.until("data: x\n\n");
      server.line.cut("reset");
      expect((await exit()).code).not.toBe(0);
    });

    it("tells the server when it is interrupted", async () => {
      const { open } = await start();
      const { child, events } = await open();
      const closed = new Promise<string>((resolve) => {
        events.addEventListener("close", ({ code }) => resolve(code));
      });
      child.kill("SIGINT");
      expect(await within(closed, "close event on the server")).toBe("client-left");
    });

    it("gets the headers and no stream for HEAD", async () => {
      const { open } = await start();
      const { exit, method } = await open("--head");
      expect(method).toBe("HEAD");
      const { code, status, headers, body } = await exit();
      expect({ code, status, body }).toEqual({ code: 0, status: 200, body: "" });
      expect(headers["content-type"]).toBe("text/event-stream");
    });

    if (!CANNOT_GO_ON.some((flag) => flags.includes(flag))) {
      it("can use its connection again after close()", async () => {
        const { server, url, open } = await start();
        const { output, exit, events } = await open("-w", "<%{num_connects}>", url);
        void events.close();
        await output.until("<1>");
        const { events: second } = await server.nextVisit();
        void second.close();
        await output.until("<0>");
        expect((await exit()).code).toBe(0);
      });
    }
  });
});

/** Takes the printed response apart. */
function parse(text: string) {
  const end = text.indexOf("\r\n\r\n");
  const [first = "", ...lines] = text.slice(0, end).split("\r\n");
  const fields = lines.map((line) => [
    line.slice(0, line.indexOf(":")).toLowerCase(),
    line.slice(line.indexOf(":") + 1).trim(),
  ]);
  return {
    status: Number(first.split(" ")[1]),
    headers: Object.fromEntries(fields) as Record<string, string>,
    body: text.slice(end + 4),
  };
}
