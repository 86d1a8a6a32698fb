/**
 * Runs in a network of its own, whose buffers are as small as the system lets them be: what a client
 * reads is what its server may send. For each protocol a client that reads a little at a time, and
 * one that reads nothing.
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import type { CloseEvent, EventEndpoint } from "../../src/index.ts";
import { listen, PROTOCOLS } from "./listen.ts";
import { openBody, readSlowly } from "./reading.ts";
import type { Protocol } from "./serve.ts";
import type { TricklePlan, TrickleReport } from "./trickle.test.ts";

const { size, rate, stallTimeout } = JSON.parse(process.argv[2]!) as TricklePlan;

/** HTTP/2: a client with a larger one would tell late of what it has read. */
const window = 16_384;

async function trickle(protocol: Protocol): Promise<TrickleReport> {
  const endpoints: EventEndpoint[] = [];
  const { port } = await listen(protocol, ({ endpoint }) => {
    endpoints.push(endpoint({ stallTimeout, maxBufferedAmount: Infinity, highWaterMark: 0 }));
  });
  const body = await openBody({ protocol, port, window });
  await openBody({ protocol, port, window });
  const closes = endpoints.map(async (events) => {
    const [{ code, wasClean }] = (await once(events, "close")) as [CloseEvent];
    return { code, wasClean };
  });
  const start = performance.now();
  const [steady, stalled] = endpoints.map((events) => events.send("é".repeat(size)));
  const reading = readSlowly(body, rate);
  const answers = [await steady, await stalled] as [boolean, boolean];
  const elapsed = performance.now() - start;
  void endpoints[0]!.close();
  const digest = await reading;
  return { protocol, answers, elapsed, digest, closes: await Promise.all(closes) };
}

for (const limit of ["tcp_rmem", "tcp_wmem"]) {
  writeFileSync(`/proc/sys/net/ipv4/${limit}`, "4096 4096 4096");
}
// That of the loopback would be larger than the buffers.
execFileSync("ip", ["link", "set", "lo", "mtu", "1500", "up"]);
process.send!(await Promise.all(PROTOCOLS.map(trickle)));
