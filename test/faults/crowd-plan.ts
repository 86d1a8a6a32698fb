import type { Protocol } from "./serve.ts";

/** A server with a crowd of clients, some of whom stall. */
export interface CrowdPlan {
  readonly protocol: Protocol;
  readonly subject: "EventEndpoint" | "bare";
  /** Clients that read everything: those who get only ticks, and those who get blocks as well. */
  readonly ticked: number;
  readonly fed: number;
  /** Clients that get ticks and blocks, and read nothing. */
  readonly stalled: number;
  /** `null` is none: JSON knows no infinity. */
  readonly maxBufferedAmount: number | null;
  readonly stallTimeout: number | null;
  /** Rounds before anybody stalls, and at most while somebody does. */
  readonly before: number;
  readonly most: number;
  /** Rounds between two looks at the memory: for each, all garbage has to be collected. */
  readonly roundsPerLook: number;
}

/** What the server has seen. */
export interface CrowdReport {
  /** Milliseconds from the publishing of each round until the last healthy client had it. */
  readonly delays: readonly number[];
  /** Bytes of the process after garbage collection: before the stall, and the most during it. */
  readonly rss: { readonly before: number; readonly peak: number };
  /** The most that one endpoint said to be waiting. */
  readonly held: number;
  /** How many clients were closed in which way. */
  readonly closes: Readonly<Record<string, number>>;
  /** Clients that are still there, stalled or not. */
  readonly open: number;
}

/** The healthy clients have all of a round. */
export interface Receipt {
  readonly round: number;
  readonly at: number;
}

/** Bytes of a block. */
export const BLOCK_BYTES = 65_536;

/** The paths that clients ask for, and whether they get blocks. */
const KINDS = { "/ticked": false, "/fed": true, "/stalled": true };

export type Path = keyof typeof KINDS;

const filling = "x".repeat(BLOCK_BYTES - "data: 00000000 \n\n".length);

/** The events of a round, as data. */
export function eventsOf(round: number, path: Path): string[] {
  const number = String(round).padStart(8, "0");
  return KINDS[path] ? [`tick ${number}`, `${number} ${filling}`] : [`tick ${number}`];
}

/** The clock that all processes of a machine share, in milliseconds. */
export function readClock(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}
