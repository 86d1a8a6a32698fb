/** Something that can happen next. */
export interface Step {
  readonly name: string;
  isPossible(): boolean;
  run(): void;
}

/** A story of which the steps are the chapters. */
export interface World {
  readonly steps: readonly Step[];
  /** Lets everything come of a step that comes by itself. */
  rest(): Promise<void>;
  /** Brings the story to its end, and says what was wrong. */
  finish(): Promise<string[]>;
}

/** What came of all stories. */
export interface Exploration {
  stories: number;
  /** What went wrong, and after which steps; the first few. */
  failures: string[];
}

/**
 * Runs every story of this many steps: in each, whatever is possible next happens once. No story is
 * left out and none is told twice.
 */
export async function explore(depth: number, createWorld: () => World): Promise<Exploration> {
  const exploration: Exploration = { stories: 0, failures: [] };
  // Which of the possible steps to take, and how many there were, from the beginning.
  const path: { choice: number; of: number }[] = [];
  do {
    const world = createWorld();
    const names: string[] = [];
    for (let i = 0; i < depth; i++) {
      await world.rest();
      const possible = world.steps.filter((step) => step.isPossible());
      if (possible.length === 0) break;
      const taken = (path[i] ??= { choice: 0, of: possible.length });
      const step = possible[taken.choice]!;
      names.push(step.name);
      step.run();
    }
    const faults = await world.finish();
    exploration.stories++;
    if (faults.length > 0 && exploration.failures.length < 5) {
      exploration.failures.push(`${names.join(", ")}: ${faults.join("; ")}`);
    }
    // The next story differs in the last step that could have been another one.
    while (path.length > 0 && path.at(-1)!.choice + 1 === path.at(-1)!.of) path.pop();
    if (path.length > 0) path.at(-1)!.choice++;
  } while (path.length > 0);
  return exploration;
}
