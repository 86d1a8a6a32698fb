import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Child } from "../support/child.ts";
import { describeWithProgram, findProgram } from "../support/program.ts";
import { type Digest, digest } from "./readers.ts";

export interface TricklePlan {
  /** Characters of two bytes each, in one event. */
  readonly size: number;
  /** Bytes that the client reads in a second. */
  readonly rate: number;
  readonly stallTimeout: number;
}

/** What became of a client that reads a little at a time, and of one that reads nothing. */
export interface TrickleReport {
  readonly protocol: string;
  readonly answers: readonly [boolean, boolean];
  /** Until both were answered. */
  readonly elapsed: number;
  readonly digest: Digest;
  readonly closes: readonly { readonly code: string; readonly wasClean: boolean }[];
}

const canUnshare = (path: string) => {
  const shrink = "ip link set lo up && echo 4096 4096 4096 > /proc/sys/net/ipv4/tcp_wmem";
  try {
    execFileSync(path, ["-n", "sh", "-c", shrink], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

describeWithProgram(findProgram("ip") ? ["unshare"] : ["ip"], "a trickle", (unshare) => {
  it("is no stall, however long one event takes in the smallest buffers", async ({ skip }) => {
    if (!canUnshare(unshare)) {
      console.warn("SKIPPED: a trickle: not allowed to make a network of one's own");
      skip();
    }
    const plan: TricklePlan = { size: 120_000, rate: 150_000, stallTimeout: 500 };
    const child = await Child.start(join(import.meta.dirname, "trickle-program.ts"), plan, {
      command: [unshare, "-n", process.execPath],
    });
    const reports = await child.take<TrickleReport[]>(20_000);
    expect(reports.map(({ protocol }) => protocol)).toEqual(["HTTP/1", "HTTP/2", "Fetch"]);
    for (const { protocol, ...report } of reports) {
      expect({ protocol, ...report }).toEqual({
        protocol,
        answers: [true, false],
        elapsed: expect.any(Number),
        digest: digest(`:\ndata: ${"é".repeat(plan.size)}\n\n`),
        closes: [
          { code: "closed", wasClean: true },
          { code: "slow-client", wasClean: false },
        ],
      });
      // Else it was no trickle.
      expect(report.elapsed).toBeGreaterThan(2 * plan.stallTimeout);
    }
  });
});
