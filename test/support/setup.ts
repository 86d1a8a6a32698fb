import { afterAll } from "vitest";
import { watchLeftovers } from "./leftovers.ts";

const watch = watchLeftovers();

// Registered before what the file registers itself, and so the last to run.
afterAll(async () => {
  const left = await watch.find(Number(process.env["LEFTOVERS_MS"] ?? 8_000));
  if (left.length > 0) throw new Error(`This file leaves behind:\n${left.join("\n")}`);
});
