import { afterAll } from "vitest";
import { cleanUpFile } from "./file-end.ts";
import { watchLeftovers } from "./leftovers.ts";

const watch = watchLeftovers();

// Registered before what the file registers itself, and so the last to run.
afterAll(async () => {
  await cleanUpFile();
  const left = await watch.find(Number(process.env["LEFTOVERS_MS"] ?? 8_000));
  watch.stop();
  if (left.length > 0) throw new Error(`This file leaves behind:\n${left.join("\n")}`);
});
