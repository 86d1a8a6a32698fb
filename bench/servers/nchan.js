import { spawn, spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { listen } from "../listen.js";
import { beginUsageOf, readResidentBytes } from "../usage.js";
import { canPin, SERVER_CORE } from "../worker.js";

// nginx with the module nchan, as Debian packages them (nginx, libnginx-mod-nchan): one worker, in a
// folder of its own. This process publishes, by HTTP, and is on the reader's core.

const NGINX = "/usr/sbin/nginx";
const MODULE = "/usr/lib/nginx/modules/ngx_nchan_module.so";

let nginx;
let folder;
let port;
let workerPid;
let publisher;
/** Answers that are to come. */
const published = [];

/** What is missing here; `undefined` if it can run. */
export function findFault() {
  const missing = [NGINX, MODULE].filter((path) => !existsSync(path));
  if (missing.length > 0) return `there is no ${missing.join(", and no ")}`;
  return existsSync("/proc/self/schedstat") ? undefined : "there is no /proc/self/schedstat";
}

/** The versions of both. */
export function readVersions() {
  const version = /nginx\/(\S+)/.exec(spawnSync(NGINX, ["-v"]).stderr)?.[1];
  const query = ["-W", "-f", "${Version}", "libnginx-mod-nchan"];
  const nchan = /[\d.]+(?=[+-])/.exec(spawnSync("dpkg-query", query).stdout)?.[0];
  return `nginx ${version} with nchan ${nchan ?? "of unknown version"}`;
}

export async function start() {
  const fault = findFault();
  if (fault) throw new Error(`Cannot run nginx + nchan: ${fault}`);
  folder = await mkdtemp(joinPath(tmpdir(), "event-endpoint-nchan-"));
  port = await findFreePort();
  const config = joinPath(folder, "nginx.conf");
  await writeFile(config, createConfig());
  const command = [NGINX, "-e", "stderr", "-p", folder, "-c", config];
  if (canPin()) command.unshift("taskset", "-c", `${SERVER_CORE}`);
  nginx = spawn(command[0], command.slice(1), { stdio: ["ignore", "inherit", "inherit"] });
  process.on("exit", () => {
    nginx.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  // Its master listens before it has a worker.
  for (let tries = 0; !workerPid || !publisher; tries++) {
    publisher ??= await openPublisher().catch(() => undefined);
    workerPid = Number(await readFile(`/proc/${nginx.pid}/task/${nginx.pid}/children`, "latin1"));
    if (tries === 500) throw new Error("nginx does not listen, or has not one worker");
    if (!workerPid || !publisher) await sleep(10);
  }
  return port;
}

/** Resolves when so many subscribers are there. */
export async function joined(count) {
  for (;;) {
    const { status, body } = await publisher.ask("GET", "", "Accept: text/json\r\n");
    // A channel that nobody publishes in is there as long as somebody subscribes.
    const subscribers = status === 404 ? 0 : JSON.parse(body).subscribers;
    if (subscribers === count) return;
    await sleep(10);
  }
}

export function broadcast(subscribers, data) {
  published.push(publisher.ask("POST", data));
}

/**
 * How long the clients have to read a turn's events. nginx leaves Nagle's algorithm on for them: what
 * is published before they have read what came before leaves with what comes later, in one segment
 * for several turns.
 */
const READING_MS = 10;

/** Resolves when nginx has answered all that was published, and the clients had time to read it. */
export async function settled() {
  for (const { status } of await Promise.all(published)) {
    if (status >= 300) throw new Error(`nginx answered what was published with ${status}`);
  }
  published.length = 0;
  await sleep(READING_MS);
}

export function beginUsage() {
  return beginUsageOf(workerPid);
}

export function residentBytes() {
  return readResidentBytes(workerPid);
}

export async function stop() {
  const exited = new Promise((resolve) => nginx.once("exit", resolve));
  nginx.kill();
  await exited;
  rmSync(folder, { recursive: true, force: true });
}

function createConfig() {
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return `
load_module ${MODULE};
daemon off;
pid ${folder}/nginx.pid;
error_log stderr error;
worker_processes 1;
worker_rlimit_nofile 20000;
events { worker_connections 19900; }
http {
  access_log off;
  ${paths.map((name) => `${name}_temp_path ${folder}/${name};`).join("\n  ")}
  client_body_buffer_size 64k;
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = / {
      nchan_subscriber eventsource;
      nchan_channel_id bench;
      nchan_subscriber_first_message newest;
    }
    location = /publish {
      nchan_publisher http;
      nchan_channel_id bench;
      nchan_message_buffer_length 1000;
    }
  }
}
`;
}

/** A connection that asks again and again, without waiting for the answers. */
function openPublisher() {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    const waiting = [];
    let received = "";
    socket.setEncoding("latin1");
    socket.on("error", reject);
    socket.on("data", (text) => {
      received += text;
      for (let answer; (answer = takeAnswer(received));) {
        received = answer.rest;
        waiting.shift()(answer);
      }
    });
    socket.on("connect", () =>
      resolve({
        ask(method, body, headers = "") {
          const length = Buffer.byteLength(body);
          const head = `${method} /publish HTTP/1.1\r\nHost: localhost\r\n${headers}Content-Length: ${length}\r\n\r\n`;
          socket.write(head + body);
          return new Promise((onAnswer) => waiting.push(onAnswer));
        },
      }),
    );
  });
}

/** Takes the first answer off, if all of it is there. */
function takeAnswer(text) {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const head = text.slice(0, headEnd);
  const end = headEnd + 4 + Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
  if (text.length < end) return undefined;
  const status = Number(head.split(" ", 2)[1]);
  return { status, body: text.slice(headEnd + 4, end), rest: text.slice(end) };
}

async function findFreePort() {
  const server = createServer();
  const free = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return free;
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
