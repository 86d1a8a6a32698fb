const cleanUps: (() => unknown)[] = [];

/**
 * Has something done after each test file: by modules that several files use, one after the other,
 * in the same process. A hook of such a module would belong to the first of them.
 */
export function afterEachFile(cleanUp: () => unknown): void {
  cleanUps.push(cleanUp);
}

/** Once for each file, when its own hooks have run. */
export async function cleanUpFile(): Promise<void> {
  for (const cleanUp of cleanUps) await cleanUp();
}
