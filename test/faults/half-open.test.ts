import { build } from "esbuild";
import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { within } from "../support/inbox.ts";
import { describeWithProgram, findProgram } from "../support/program.ts";

/**
 * Runs in a network of its own, and pulls its plug once all clients are connected: no FIN, no RST
 * and no acknowledgement arrives from then on. Three endpoints that differ in what protects them.
 */
const PROGRAM = `
  import { execFileSync } from "node:child_process";
  import { once } from "node:events";
  import { createServer } from "node:http";
  import { connect } from "node:net";
  import { EventEndpoint } from "./src/index.ts";

  const plug = (state) => execFileSync("ip", ["link", "set", "lo", state]);
  const options = {
    "/duration": { maxDuration: 500 },
    "/stall": { stallTimeout: 300, maxBufferedAmount: Infinity },
    "/nothing": { stallTimeout: Infinity, maxBufferedAmount: Infinity },
  };
  const opened = {};
  const closed = {};
  const server = createServer((req, res) => {
    const events = new EventEndpoint(req, res, options[req.url]);
    events.addEventListener("close", ({ code }) => (closed[req.url] = code));
    opened[req.url] = events;
  });
  plug("up");
  await once(server.listen(0, "127.0.0.1"), "listening");
  for (const path of Object.keys(options)) {
    const socket = connect(server.address().port, "127.0.0.1");
    socket.write(\`GET \${path} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n\`);
    await once(socket, "readable");
  }
  plug("down");
  // More than the system takes for somebody who does not acknowledge it.
  for (const path of ["/stall", "/nothing"]) opened[path].send("x".repeat(64 << 20));
  const ends = ["/duration", "/stall"].map((path) => once(opened[path], "close"));
  await Promise.all(ends);
  process.send({ closed, isNothingOpen: !opened["/nothing"].closed });
  process.exit();
`;

const canUnshare = (path: string) => {
  try {
    execFileSync(path, ["-n", "ip", "link", "set", "lo", "up"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

describeWithProgram(findProgram("ip") ? ["unshare"] : ["ip"], "a half-open peer", (unshare) => {
  it("is found by maxDuration or by the stall, and by nothing else that we have", async ({
    skip,
  }) => {
    if (!canUnshare(unshare)) {
      console.warn("SKIPPED: a half-open peer: not allowed to make a network of one's own");
      skip();
    }
    const folder = await mkdtemp(join(tmpdir(), "event-endpoint-"));
    try {
      const outfile = join(folder, "half-open.mjs");
      await build({
        stdin: { contents: PROGRAM, resolveDir: process.cwd(), loader: "ts" },
        bundle: true,
        format: "esm",
        platform: "node",
        outfile,
      });
      const child = fork(outfile, { execPath: unshare, execArgv: ["-n", process.execPath] });
      const [report] = (await within(once(child, "message"), "report", 20_000)) as [unknown];
      expect(report).toEqual({
        closed: { "/duration": "max-duration", "/stall": "slow-client" },
        isNothingOpen: true,
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
