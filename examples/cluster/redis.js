import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const READY = /ready to accept connections/i;

/** Starts a Redis for this example alone, unless there is the address of another one. */
export async function startRedis(url) {
  if (url) return { url, stop: async () => {} };

  const folder = await mkdtemp(join(tmpdir(), "event-endpoint-cluster-"));
  // A socket in its own folder is always free, and nobody else gets at it.
  const socket = join(folder, "redis.sock");
  const options = ["--port", "0", "--unixsocket", socket, "--dir", folder, "--save", ""];
  // What it has acknowledged is on the disk.
  options.push("--appendonly", "yes", "--appendfsync", "always");
  const child = spawn("redis-server", options, {
    stdio: ["ignore", "pipe", "inherit"],
    detached: true, // Ctrl+C is for us: the servers still need it
  });
  const isOver = new Promise((resolve) => child.on("exit", resolve).on("error", resolve));

  const stop = async () => {
    child.kill();
    await isOver;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await once(child, "spawn");
    let output = "";
    for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
      output += chunk;
      if (READY.test(output)) break;
    }
    if (!READY.test(output)) throw new Error(output);
    child.stdout.resume();
  } catch (error) {
    await stop();
    if (error.code !== "ENOENT") throw error;
    const text = "There is no redis-server here. Install it, or set REDIS_URL to one that runs.";
    throw new Error(text, { cause: error });
  }
  return { url: socket, stop };
}
