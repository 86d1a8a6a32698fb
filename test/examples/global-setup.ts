import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { buildPackage, ROOT } from "../support/build.ts";

/** The examples import the package by its name, and so get what `npm run build` makes. */
export default async function setup(): Promise<void> {
  const built = await buildPackage();
  await rm(join(ROOT, "dist"), { recursive: true, force: true });
  await cp(join(built, "dist"), join(ROOT, "dist"), { recursive: true });
}
