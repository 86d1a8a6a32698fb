import { createHash } from "node:crypto";
import { join } from "node:path";
import { Child } from "../support/child.ts";
import type { Protocol } from "./serve.ts";

/** What the clients of one process are to do. */
export interface ReaderPlan {
  readonly protocol: Protocol;
  readonly port: number;
  readonly path?: string;
  readonly count: number;
  /** Bytes that each reads in a second; 0 is a client that reads the head and then nothing. */
  readonly rate: number;
  /** HTTP/2: bytes that a server may send before some of them are read. */
  readonly window?: number;
}

/** A body that was read to its end. */
export interface Digest {
  readonly bytes: number;
  readonly sha256: string;
}

const PROGRAM = join(import.meta.dirname, "reader-program.ts");

/** Starts clients in a process of their own; resolves when all have their head and a first byte. */
export async function startReaders(plan: ReaderPlan): Promise<Child> {
  const child = await Child.start(PROGRAM, plan);
  await child.take(60_000);
  return child;
}

export function digest(text: string): Digest {
  const bytes = Buffer.from(text);
  return { bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}
