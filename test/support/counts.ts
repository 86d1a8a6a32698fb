/** Whether the full counts run; `npm run test:soak` sets it. */
export const isSoak = process.env["SOAK"] === "1";

/** How much each suite does: with every commit, and in the soak, whose bound is half an hour. */
const COUNTS = {
  /** Lifecycles of the leak proof, on all kinds of servers: test/leaks. */
  lifecycles: [1_000, 100_000],
  /** Random requests to each of two servers: test/faults/hostile-requests. */
  requests: [1_000, 500_000],
  /** Sequences of operations on a recording sink, and 15 % of it on each of three servers: test/model. */
  sequences: [400, 70_000],
  /** Random messages, and as many comments, for each of two parsers: test/core/frame. */
  frames: [1_000, 1_500_000],
  /** Connections that stay open: test/load/hold. Both of their ends have a limit of open files. */
  held: [200, 9_500],
  /** Keep-alives that each of these gets, and the milliseconds between them. */
  keepAlives: [3, 9],
  keepAlive: [200, 10_000],
  /** Clients that come and go: test/load/churn. */
  churned: [1_000, 400_000],
} as const;

/** How many of these there are to be in this run. */
export function countOf(name: keyof typeof COUNTS): number {
  const [everyCommit, soak] = COUNTS[name];
  return isSoak ? soak : everyCommit;
}
