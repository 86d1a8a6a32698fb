/**
 * Child processes, each on a core of its own where that can be had, and calls to them.
 *
 * Calls go through Node's IPC channel. They are made before and after what is measured, never
 * within.
 */
import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Which core is whose: the kernel does not move them about, and they do not share one. */
export const SERVER_CORE = 0;
export const READER_CORE = 1;

/** Can processes be kept on cores of their own here? */
export function canPin() {
  // To be asked of the system: a process that is kept on one core itself sees only that one.
  const taskset = (core) => spawnSync("taskset", ["-c", `${core}`, "true"]).status;
  return [SERVER_CORE, READER_CORE].every((core) => taskset(core) === 0);
}

/**
 * Starts a module of this folder as a process.
 *
 * @param {string} module file name
 * @param {{ core: number, args?: string[] }} options
 */
export function startWorker(module, { core, args = [] }) {
  const file = fileURLToPath(new URL(module, import.meta.url));
  const command = [process.execPath, "--expose-gc", file, ...args];
  if (canPin()) command.unshift("taskset", "-c", `${core}`);
  const child = spawn(command[0], command.slice(1), {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: { ...process.env, NODE_ENV: "production" },
  });

  const calls = new Map();
  let lastCall = 0;
  let isStopped = false;
  child.on("message", ({ call, result, error }) => {
    const { resolve, reject } = calls.get(call);
    calls.delete(call);
    if (error === undefined) resolve(result);
    else reject(new Error(`${[module, ...args].join(" ")}: ${error}`));
  });
  const fail = (reason) => {
    for (const { reject } of calls.values()) {
      reject(new Error(`${[module, ...args].join(" ")}: ${reason}`));
    }
    calls.clear();
  };
  child.on("error", (error) => fail(error.message));
  const exited = new Promise((resolve) => {
    child.on("exit", (code, signal) => {
      isStopped = true;
      fail(`ended with ${signal ?? code}`);
      resolve();
    });
  });

  return {
    /** Calls what the process serves under this name. */
    call(name, options) {
      return new Promise((resolve, reject) => {
        if (isStopped) return reject(new Error(`${module} has ended`));
        calls.set(++lastCall, { resolve, reject });
        child.send({ call: lastCall, name, options });
      });
    },
    /** Ends the process; resolves when it is gone. */
    stop() {
      if (!isStopped) child.kill("SIGKILL");
      return exited;
    },
  };
}

/**
 * Serves calls, in the process that was started.
 *
 * @param {Record<string, (options: any) => unknown>} functions
 */
export function serveCalls(functions) {
  process.on("message", async ({ call, name, options }) => {
    try {
      process.send({ call, result: await functions[name](options) });
    } catch (error) {
      process.send({ call, error: error.stack });
    }
  });
  // Nobody is left to measure for.
  process.on("disconnect", () => process.exit());
}
