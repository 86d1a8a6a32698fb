import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createCertificate } from "../support/certificate.ts";
import { within } from "../support/inbox.ts";

/** What stands in front of the same server: each is another port of one nginx. */
export const FRONTS = {
  /** Nothing but `proxy_pass`: responses are buffered, and the server is spoken to in HTTP/1.0. */
  "as it comes": "",
  "with gzip for event streams": `
      gzip on;
      gzip_types text/event-stream;
      gzip_min_length 0;
      gzip_http_version 1.0;`,
  "that speaks HTTP/1.1 to the server": `
      proxy_http_version 1.1;
      proxy_set_header Connection "";`,
  "over TLS and HTTP/2": `
      ssl_certificate cert.pem;
      ssl_certificate_key key.pem;`,
} as const;
export type Front = keyof typeof FRONTS;
type Ports = Readonly<Record<Front, number>>;

/** An nginx of a test file's own, in a folder of its own. */
export class Nginx implements AsyncDisposable {
  readonly #ports: Ports;
  readonly #stop: () => Promise<unknown>;

  private constructor(ports: Ports, stop: () => Promise<unknown>) {
    this.#ports = ports;
    this.#stop = stop;
  }

  static async start(program: string, upstream: number): Promise<Nginx> {
    const folder = await mkdtemp(join(tmpdir(), "event-endpoint-nginx-"));
    const names = Object.keys(FRONTS) as Front[];
    const free = await findPorts(names.length);
    const ports = Object.fromEntries(names.map((name, i) => [name, free[i]!])) as Ports;
    const { key, cert } = createCertificate();
    await writeFile(join(folder, "key.pem"), key);
    await writeFile(join(folder, "cert.pem"), cert);
    await writeFile(join(folder, "nginx.conf"), createConfig(ports, upstream));
    const child = spawn(program, ["-p", folder, "-c", "nginx.conf", "-e", "stderr"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const exit = once(child, "exit");
    const stop = async () => {
      child.kill();
      await exit;
      await rm(folder, { recursive: true, force: true });
    };
    const lines: string[] = [];
    const isReady = new Promise<void>((resolve, reject) => {
      createInterface(child.stderr).on("line", (line) => {
        lines.push(line);
        if (line.includes("start worker process ")) resolve();
      });
      child.on("exit", () => reject(new Error(`nginx ended:\n${lines.join("\n")}`)));
    });
    await within(isReady, "worker of nginx");
    return new Nginx(ports, stop);
  }

  originOf(front: Front): string {
    const scheme = front.includes("TLS") ? "https" : "http";
    return `${scheme}://127.0.0.1:${this.#ports[front]}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }
}

function createConfig(ports: Ports, upstream: number): string {
  const servers = Object.entries(FRONTS).map(([name, settings]) => {
    const how = name.includes("TLS") ? " ssl http2" : "";
    return `
    server {
      listen 127.0.0.1:${ports[name as Front]}${how};${settings}
      location / { proxy_pass http://127.0.0.1:${upstream}; }
    }`;
  });
  const folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return `
  daemon off;
  worker_processes 1;
  pid nginx.pid;
  error_log stderr notice;
  ${process.getuid?.() === 0 ? "user root;" : ""}
  events { worker_connections 256; }
  http {
    access_log off;
    ${folders.map((name) => `${name}_temp_path ${name};`).join("\n    ")}
    ${servers.join("")}
  }
`;
}

/** All at once, so that they differ. */
async function findPorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}
