/**
 * Plants bugs, one at a time, into a copy of the sources: those that other encoders had, and what
 * goes wrong in the life of a stream. The few tests that ought to notice run on it; a bug that they
 * do not notice ends this with an error.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const FRAMES = "src/core/frame.ts";
const DELIVERY = "src/core/delivery.ts";
const PIPE = "src/core/pipe.ts";
const STREAM = "src/core/stream.ts";
const NODE = "src/adapters/node/sink.ts";
const FETCH = "src/adapters/fetch/sink.ts";

/** The few tests that ought to notice, by what is planted: files, and what their names contain. */
const OF_FRAMES = { files: ["test/core/frame.test.ts", "test/core/injections.test.ts"] };
const OF_STREAMS = { files: ["test/core/stream.test.ts"] };
const OF_MODEL = { files: ["test/model/endpoint.test.ts"], only: "recording sink", runs: 300 };
const OF_SOURCES = { files: ["test/contract/sources.test.ts"] };
const OF_LEAVING = { files: ["test/contract/endpoint.test.ts"], only: "a client that leaves" };
const OF_CLOCKS = { files: ["test/lifetimes/clocks.test.ts"], only: "an hour (ahead|back)" };
const OF_DURATIONS = { files: ["test/lifetimes/durations.test.ts"], only: "on Fetch maxDuration" };
const OF_EXITS = { files: ["test/lifetimes/exits.test.ts"], only: "do not hold the process" };
const OF_DROPPED = { files: ["test/leaks/dropped.test.ts"], only: "lives as long as the server" };
const OF_CLIENTS = {
  files: ["test/core/closed-clients.test.ts"],
  only: "however often it is asked",
};
const OF_PIPELINES = {
  files: ["test/faults/hostile-requests.test.ts"],
  only: "never had their turn",
};
const OF_POLLUTION = { files: ["test/faults/pollution.test.ts"], only: "over Fetch" };

const MUTANTS = [
  {
    file: FRAMES,
    tests: OF_FRAMES,
    name: "data is split at LF only (h3 before 1.15.9, @fastify/sse)",
    from: `text.includes("\\n") || text.includes("\\r")\n    ? text.replace(/\\r\\n?|\\n/g,`,
    to: `text.includes("\\n")\n    ? text.replace(/\\r?\\n/g,`,
  },
  {
    file: FRAMES,
    tests: OF_FRAMES,
    name: "a lone CR passes in an id or type (hono, better-sse)",
    from: `if (/[\\0\\r\\n]/.test(text)) throw invalid(name, "contains a line break or NUL", text);`,
    to: `if (/[\\0\\n]/.test(text)) throw invalid(name, "contains a line break or NUL", text);`,
  },
  {
    file: FRAMES,
    tests: OF_FRAMES,
    name: "retry is written as it is given (hono#5299)",
    from: `if (isValid && (value as number) <= MAX_RETRY_MS) return value as number;`,
    to: `return value as number;`,
  },
  {
    file: FRAMES,
    tests: OF_FRAMES,
    name: "line breaks in ids are stripped instead of refused (h3)",
    from: `if (/[\\0\\r\\n]/.test(text)) throw invalid(name, "contains a line break or NUL", text);`,
    to: `if (/[\\0\\r\\n]/.test(text)) return text.replace(/[\\0\\r\\n]/g, "");`,
  },
  {
    file: FRAMES,
    tests: OF_FRAMES,
    name: "an id is left out when it is falsy (oak)",
    from: `    id: readId(id),`,
    to: `    id: Number(id) ? readId(id) : undefined,`,
  },
  {
    file: FRAMES,
    tests: OF_FRAMES,
    name: "comments are not split (koa-sse, h3)",
    from: `\`: \${prefixLines(coerce("comment", comment), ": ")}\\n\``,
    to: `\`: \${coerce("comment", comment)}\\n\``,
  },
  {
    file: DELIVERY,
    tests: OF_MODEL,
    name: "the close event fires again when the response ends as well",
    from: `    this.flushFeeders();\n    if (this.isOver) return;\n    this.isOver = true;`,
    to: `    this.flushFeeders();\n    this.isOver = true;`,
  },
  {
    file: DELIVERY,
    tests: OF_STREAMS,
    name: "the timer of a closed stream is not cancelled",
    from: `    this.#scheduler.cancel(this);\n`,
    to: ``,
  },
  {
    file: DELIVERY,
    tests: OF_MODEL,
    name: "a send() that waits is not answered when the stream closes",
    from: `    this.#settleDrain?.(false);\n`,
    to: ``,
  },
  {
    file: DELIVERY,
    tests: OF_MODEL,
    name: "something is written after the end",
    from: `    if (this.code) return false;\n    this.#accepted = true;`,
    to: `    this.#accepted = true;`,
  },
  {
    file: DELIVERY,
    tests: OF_STREAMS,
    name: "a slow but steady client counts as stalled",
    from: `this.#sink.bufferedAmount === 0 || this.#sink.progress !== this.#progress`,
    to: `this.#sink.bufferedAmount === 0`,
  },
  {
    file: DELIVERY,
    tests: OF_STREAMS,
    name: "a stalled client is never noticed",
    from: `now >= this.#progressAt + this.#options.stallTimeout`,
    to: `now >= Infinity`,
  },
  {
    file: DELIVERY,
    tests: OF_MODEL,
    name: "the high-water mark is ignored",
    from: `!this.code && this.#exceeds(this.#options.highWaterMark)`,
    to: `false`,
  },
  {
    file: DELIVERY,
    tests: OF_MODEL,
    name: "what may wait for one client has no limit",
    from: `      this.#exceeds(limit) &&\n`,
    to: `      false &&\n`,
  },
  {
    file: DELIVERY,
    tests: OF_STREAMS,
    name: "a keep-alive comes between the parts of a frame",
    from: `    this.#sink.write(text);`,
    to: `    for (const line of text.split(/(?<=\\n)/)) this.#sink.write(line + KEEP_ALIVE_FRAME);`,
  },
  {
    file: DELIVERY,
    tests: OF_STREAMS,
    name: "a keep-alive is put behind what a client does not take",
    from: `sink.started && this.bufferedAmount === 0`,
    to: `sink.started`,
  },
  {
    file: DELIVERY,
    tests: OF_SOURCES,
    name: "the signal of a closed endpoint is not aborted",
    from: `    this.#abortController?.abort();\n`,
    to: ``,
  },
  {
    file: DELIVERY,
    tests: OF_SOURCES,
    name: "a stream whose source failed looks complete",
    from: `if (code !== "source-failed") this.#sink.end();`,
    to: `if (code) this.#sink.end();`,
  },
  {
    file: DELIVERY,
    tests: OF_MODEL,
    name: "every end is called clean",
    from: `    this.#onOver(this.code, wasClean);`,
    to: `    this.#onOver(this.code, wasClean || true);`,
  },
  {
    file: STREAM,
    tests: OF_STREAMS,
    name: "a closed stream goes on following its signal",
    from: `      unfollow?.();\n`,
    to: ``,
  },
  {
    file: "src/core/closed-clients.ts",
    tests: OF_CLIENTS,
    name: "a mark is used up by being looked at (jsext)",
    from: `    return (this.#expiryById.get(id) ?? 0) > performance.now();`,
    to: `    const expiry = this.#expiryById.get(id) ?? 0;\n    this.#expiryById.delete(id);\n    return expiry > performance.now();`,
  },
  {
    file: PIPE,
    tests: OF_SOURCES,
    name: "an event target keeps the listener of a client that left",
    from: `      else listen("removeEventListener");`,
    to: ``,
  },
  {
    file: PIPE,
    tests: OF_SOURCES,
    name: "an iterator is not told that the client left",
    from: `      if (reader) release(reader).catch(onFault);`,
    to: `      if (reader) return;`,
  },
  {
    file: PIPE,
    tests: OF_SOURCES,
    name: "pipe() does not wait for the client",
    from: `await give(item);`,
    to: `void give(item);`,
  },
  {
    file: NODE,
    tests: OF_LEAVING,
    name: "nobody hears that the client left (node:http)",
    from: `    res.on("close", this.#onEnd);\n`,
    to: ``,
  },
  {
    file: NODE,
    tests: OF_PIPELINES,
    name: "a response that waits for its turn does not hear of the connection",
    from: `.on("close", this.#onEnd);\n    this.#writeHead`,
    to: `;\n    this.#writeHead`,
  },
  {
    file: FETCH,
    tests: OF_LEAVING,
    name: "nobody hears that the client left (a cancelled body)",
    from: `        cancel: this.#leave,\n`,
    to: ``,
  },
  {
    file: DELIVERY,
    tests: OF_CLOCKS,
    name: "durations go by the wall clock",
    from: /performance\.now/g,
    to: `Date.now`,
  },
  {
    file: "src/core/closed-clients.ts",
    tests: OF_CLOCKS,
    name: "marks go by the wall clock",
    from: /performance\.now/g,
    to: `Date.now`,
  },
  {
    file: DELIVERY,
    tests: OF_DURATIONS,
    name: "streams that began together end together",
    from: ` * (0.8 + 0.4 * Math.random())`,
    to: ``,
  },
  {
    file: "src/core/scheduler.ts",
    tests: OF_EXITS,
    name: "a keep-alive to come holds the process open",
    from: `unref?.();`,
    to: `ref?.();`,
  },
  {
    file: STREAM,
    tests: OF_DROPPED,
    name: "a signal keeps the streams that follow it",
    from: `weakly.deref()?.end("aborted")`,
    to: `(delivery.end("aborted"), weakly)`,
  },
  {
    file: "src/core/unpolluted.ts",
    tests: OF_POLLUTION,
    name: "what is on Object.prototype counts",
    from: `  for (const _ in Object.prototype) {`,
    to: `  for (const _ of []) {`,
  },
];

const root = join(import.meta.dirname, "../..");
const results = { passed: 0, failed: 0 };
/** What is left to do: first whether the tests pass at all, then the mutants. */
const queue = [...new Set(MUTANTS.map(({ tests }) => tests)), ...MUTANTS];
// One for each core of the machines that this runs on.
await Promise.all([work(), work()]);
console.log(`${results.passed} of ${results.passed + results.failed} as they ought to be`);
process.exitCode = results.failed > 0 ? 1 : 0;

/** Does what is left on a copy of its own. */
async function work() {
  const copy = mkdtempSync(join(tmpdir(), "event-endpoint-mutation-"));
  try {
    for (const part of ["src", "test", "package.json", "vitest.config.ts", "tsconfig.json"]) {
      cpSync(join(root, part), join(copy, part), { recursive: true });
    }
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    for (let next = queue.shift(); next; next = queue.shift()) {
      if (next.files) {
        report((await passes(copy, next)) ? "pass" : "FAIL", `the sources: ${next.files.join()}`);
      } else {
        report(await plant(copy, next), next.name);
      }
    }
  } finally {
    rmSync(copy, { recursive: true });
  }
}

/** What becomes of one bug. */
async function plant(copy, { file, tests, from, to }) {
  const source = readFileSync(join(root, file), "utf8");
  const mutant = source.replace(from, () => to);
  if (mutant === source) return "CANNOT BE PLANTED, the sources have changed:";
  writeFileSync(join(copy, file), mutant);
  const survived = await passes(copy, tests);
  writeFileSync(join(copy, file), source);
  return survived ? "SURVIVED" : "caught";
}

/** Do these tests pass on the copy? One failure is enough to know. */
async function passes(copy, { files, only, runs }) {
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const args = [vitest, "run", "--bail=1", ...(only ? ["-t", only] : []), ...files];
  const env = { ...process.env, ...(runs && { FC_RUNS: String(runs) }) };
  const child = spawn(process.execPath, args, { cwd: copy, stdio: "ignore", env });
  const [code] = await once(child, "exit");
  return code === 0;
}

function report(result, name) {
  results[result === "pass" || result === "caught" ? "passed" : "failed"]++;
  console.log(`${result.padEnd(8)} ${name}`);
}
