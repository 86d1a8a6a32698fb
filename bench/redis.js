/** A Redis of the benchmark's own, on the readers' core: it keeps everything in memory only. */
import { spawn, spawnSync } from "node:child_process";
import { connect, createServer } from "node:net";
import { listen } from "./listen.js";
import { canPin, READER_CORE } from "./worker.js";

/** What is missing here; `undefined` if it can run. */
export function findRedisFault() {
  return spawnSync("redis-server", ["--version"]).status === 0
    ? undefined
    : "there is no redis-server";
}

export function readRedisVersion() {
  return /v=(\S+)/.exec(spawnSync("redis-server", ["--version"], { encoding: "utf8" }).stdout)?.[1];
}

/** @returns {Promise<{ port: number, stop(): Promise<void> }>} */
export async function startRedis() {
  const free = createServer();
  const port = await listen(free);
  await new Promise((resolve) => free.close(resolve));
  const command = ["redis-server", "--port", `${port}`, "--bind", "127.0.0.1"];
  command.push("--save", "", "--appendonly", "no");
  if (canPin()) command.unshift("taskset", "-c", `${READER_CORE}`);
  const redis = spawn(command[0], command.slice(1), { stdio: "ignore" });
  const kill = () => redis.kill();
  process.on("exit", kill);
  const exited = new Promise((resolve) => redis.once("exit", resolve));
  while (!(await answers(port))) await new Promise((resolve) => setTimeout(resolve, 10));
  return {
    port,
    stop() {
      process.off("exit", kill);
      kill();
      return exited;
    },
  };
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => resolve(false));
    socket.on("connect", () => socket.end(() => resolve(true)));
  });
}
