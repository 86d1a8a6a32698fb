import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { EventEndpoint } from "../../src/index.ts";
import { readEvents } from "../../src/testing/index.ts";
import { Inbox, within } from "../support/inbox.ts";
import { describeWithProgram } from "../support/program.ts";

describeWithProgram(["nginx"], "behind nginx as it is by itself, which also compresses", (path) => {
  let folder: string;
  let nginx: ChildProcess;
  let server: http.Server;
  let address: string;
  const opened = new Inbox<EventEndpoint>("request through nginx");

  beforeAll(async () => {
    server = http.createServer((req, res) => {
      opened.put(new EventEndpoint(req, res, { keepAlive: 50 }));
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port: upstream } = server.address() as AddressInfo;
    const port = await findPort();
    address = `http://127.0.0.1:${port}/`;
    folder = await mkdtemp(join(tmpdir(), "event-endpoint-nginx-"));
    const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    await writeFile(
      join(folder, "nginx.conf"),
      `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/log;
       events {}
       http {
         access_log off;
         ${paths.map((name) => `${name}_temp_path ${folder}/${name};`).join("\n")}
         gzip on;
         gzip_proxied any;
         server { listen 127.0.0.1:${port}; location / { proxy_pass http://127.0.0.1:${upstream}; } }
       }`,
    );
    nginx = spawn(path, ["-c", join(folder, "nginx.conf"), "-e", join(folder, "log")]);
    await within(reach(port), "nginx");
  });

  afterAll(async () => {
    const exit = once(nginx, "exit");
    nginx.kill("SIGKILL");
    await exit;
    server.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("brings each event when it is sent, and tells the server when the client leaves", async () => {
    const reading = readEvents(address, { headers: { "Accept-Encoding": "gzip" } });
    const first = reading.next();
    const events = await opened.take();
    const closed = new Promise((resolve) => {
      events.addEventListener("close", ({ code }) => resolve(code));
    });
    // Each only when the one before has arrived: what collects them would collect for ever.
    void events.send("a", "1");
    expect(await within(first, "first event")).toMatchObject({ value: { data: "a", id: "1" } });
    void events.send("b", "2");
    expect(await within(reading.next(), "second event")).toMatchObject({ value: { data: "b" } });
    await reading.return(undefined);
    expect(await within(closed, "end of the stream")).toBe("client-left");
  });

  it("brings the comments that keep a connection alive", async () => {
    const request = http.get(address);
    const [response] = (await within(once(request, "response"), "answer")) as [
      http.IncomingMessage,
    ];
    const events = await opened.take();
    const comments = new Promise<void>((resolve) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        if (/^(:\n){3}$/.test(text)) resolve();
      });
    });
    await within(comments, "two comments after the first byte");
    request.destroy();
    await within(once(events.signal, "abort"), "end of the stream");
  });
});

/** Waits until somebody listens. */
async function reach(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    const isThere = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    });
    socket.destroy();
    if (isThere) return;
  }
}

async function findPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
