/**
 * A process of clients that read nothing, or a little at a time: see `ReaderPlan`. Says "open" once
 * all are connected, and the digest of each body that it read to its end.
 */
import type { ReaderPlan } from "./readers.ts";
import { openBody, readSlowly } from "./reading.ts";

const plan = JSON.parse(process.argv[2]!) as ReaderPlan;

const bodies = await Promise.all(Array.from({ length: plan.count }, () => openBody(plan)));
process.send!("open");
if (plan.rate > 0) {
  for (const body of bodies) {
    void readSlowly(body, plan.rate).then((digest) => process.send!(digest));
  }
}
// What is not read keeps no process alive.
setInterval(() => {}, 1_000_000);
