// Two server processes with one channel in Redis, behind one address: node examples/cluster/main.js
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startBalancer } from "./balancer.js";
import { startRedis } from "./redis.js";

const PROGRAM = fileURLToPath(new URL("server.js", import.meta.url));
const COUNT = 2;

/** Those that take connections. */
const servers = [];
/** Every process that there is, also one that starts or ends. */
const children = new Set();
let started = 0;
let isStopping = false;
let redis;
let balancer;
let rolling = Promise.resolve();

async function start() {
  redis = await startRedis(process.env.REDIS_URL);
  for (let i = 0; i < COUNT; i++) await add();
  balancer = await startBalancer(servers, Number(process.env.PORT ?? 3000));
  console.log(`http://127.0.0.1:${balancer.address().port}/`);
  console.log("r and Enter: replace all servers. k and Enter: kill -9 one. Ctrl+C: end");
}

/** Starts one more server, and lets it take connections once it listens. */
async function add() {
  if (isStopping) return;
  const name = `server ${++started}`;
  const child = fork(PROGRAM, [name], { env: { ...process.env, REDIS_URL: redis.url } });
  children.add(child);
  const exit = once(child, "exit").then(([code, signal]) => {
    children.delete(child);
    return signal ?? code;
  });
  const [message] = await Promise.race([once(child, "message"), exit.then(() => [])]);
  if (!message) throw new Error(`${name} did not start`);

  const server = { name, child, port: message.port };
  servers.push(server);
  console.log(`${name} is there: process ${child.pid}`);
  child.on("message", (command) => command === "roll" && rollSoon());
  exit.then((how) => {
    console.log(`${name} has ended: ${how}`);
    // Nobody retired it: it was killed.
    if (remove(server) && !isStopping) add().catch(fail);
  });
}

/** Takes a server's turn away; whether it had one. */
function remove(server) {
  const index = servers.indexOf(server);
  if (index !== -1) servers.splice(index, 1);
  return index !== -1;
}

/** Replaces one server after the other, as a deployment does. */
async function roll() {
  for (const server of [...servers]) {
    await add(); // first somebody who takes over
    if (remove(server)) await end(server.child, "SIGTERM");
  }
}

function rollSoon() {
  rolling = rolling.then(() => (isStopping ? undefined : roll())).catch(fail);
}

async function end(child, signal) {
  if (!children.has(child)) return;
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
}

async function stop() {
  if (isStopping) return;
  isStopping = true;
  await starting;
  balancer?.close();
  await Promise.all([...children].map((child) => end(child, "SIGTERM")));
  await redis?.stop();
  process.stdin.destroy();
}

function fail(error) {
  if (isStopping) return;
  console.error(error.message);
  process.exitCode = 1;
  void stop();
}

process.on("SIGINT", stop).on("SIGTERM", stop);
process.stdin.setEncoding("utf8").on("data", (line) => {
  if (line.trim() === "r") rollSoon();
  if (line.trim() === "k") servers[0]?.child.kill("SIGKILL");
});

const starting = start().catch(fail);
