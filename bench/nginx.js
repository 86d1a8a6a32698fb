/**
 * nginx with the module nchan, as Debian packages them (nginx, libnginx-mod-nchan): one worker, in a
 * folder of its own, on the server's core. Whoever starts it publishes, by HTTP.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { listen } from "./listen.js";
import { canPin, SERVER_CORE } from "./worker.js";

const NGINX = "/usr/sbin/nginx";
const MODULE = "/usr/lib/nginx/modules/ngx_nchan_module.so";

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

/**
 * @typedef {object} Nginx
 * @property {number} port where clients subscribe
 * @property {number} workerPid
 * @property {(data: string) => Promise<void>} publish resolves when nginx has answered
 * @property {(count: number) => Promise<void>} joined resolves when so many have subscribed to it
 * @property {() => Promise<void>} stop
 */

/**
 * @param {{ redisPort?: number }} [options] with a port, what is published goes through that Redis
 * @returns {Promise<Nginx>}
 */
export async function startNginx({ redisPort } = {}) {
  const fault = findFault();
  if (fault) throw new Error(`Cannot run nginx + nchan: ${fault}`);
  const folder = await mkdtemp(joinPath(tmpdir(), "event-endpoint-nchan-"));
  const port = await findFreePort();
  const config = joinPath(folder, "nginx.conf");
  await writeFile(config, createConfig({ folder, port, redisPort }));
  const command = [NGINX, "-e", "stderr", "-p", folder, "-c", config];
  if (canPin()) command.unshift("taskset", "-c", `${SERVER_CORE}`);
  const nginx = spawn(command[0], command.slice(1), { stdio: ["ignore", "inherit", "inherit"] });
  process.on("exit", () => {
    nginx.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  let publisher;
  let workerPid;
  // Its master listens before it has a worker.
  for (let tries = 0; !workerPid || !publisher; tries++) {
    publisher ??= await openPublisher(port).catch(() => undefined);
    workerPid = Number(await readFile(`/proc/${nginx.pid}/task/${nginx.pid}/children`, "latin1"));
    if (tries === 500) throw new Error("nginx does not listen, or has not one worker");
    if (!workerPid || !publisher) await sleep(10);
  }
  const readStatus = async (name) => {
    const { body } = await publisher.ask("GET", "/status", "");
    return Number(new RegExp(`^${name}: (\\d+)$`, "m").exec(body)[1]);
  };
  const waitFor = async (name, count) => {
    while ((await readStatus(name)) !== count) await sleep(10);
  };
  // Before it has its Redis, it answers 503.
  if (redisPort) await waitFor("redis connected servers", 1);
  return {
    port,
    workerPid,
    async publish(data) {
      const { status } = await publisher.ask("POST", "/publish", data);
      if (status >= 300) throw new Error(`nginx answered what was published with ${status}`);
    },
    joined: (count) => waitFor("subscribers", count),
    async stop() {
      const exited = new Promise((resolve) => nginx.once("exit", resolve));
      nginx.kill();
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function createConfig({ folder, port, redisPort }) {
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  const pass = redisPort ? "nchan_redis_pass redis;" : "";
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
  ${redisPort ? `upstream redis { nchan_redis_server "redis://127.0.0.1:${redisPort}"; }` : ""}
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = / {
      nchan_subscriber eventsource;
      nchan_channel_id bench;
      nchan_subscriber_first_message newest;
      ${pass}
    }
    location = /publish {
      nchan_publisher http;
      nchan_channel_id bench;
      nchan_message_buffer_length 1000;
      ${pass}
    }
    location = /status {
      nchan_stub_status;
    }
  }
}
`;
}

/** A connection that asks again and again, without waiting for the answers. */
function openPublisher(port) {
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
        ask(method, path, body) {
          const length = Buffer.byteLength(body);
          const head = `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n`;
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
