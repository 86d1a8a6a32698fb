import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { EventChannel } from "../../src/index.ts";
import { explore } from "./explore.ts";
import { NaiveChannel } from "./naive-channel.ts";
import { type Channel, type Setting, SpliceWorld } from "./splice-world.ts";
import type { ControlledLog } from "./controlled-log.ts";

/** Steps of each story; `SOAK` tells some hundred thousand of them. */
const STEPS = process.env["SOAK"] ? 8 : 6;

/** Of a log that failed, or of a client that seems to be ahead of everybody. */
const REST_MS = 1_100;

const SETTINGS: [name: string, setting: Setting][] = [
  ["that has missed nothing", { behind: 0 }],
  ["that has missed two events", { behind: 2 }],
  ["that follows some topics", { behind: 2, hasTopics: true }],
  ["that is slow", { behind: 2, isPaced: true }],
  ["that knows more than this process", { behind: 1, isAhead: true, with: ["leave"] }],
  ["that knows more than this process ever hears", { behind: 1, isAhead: true, with: ["gap"] }],
  [
    "that is slow while the log loses what it has not told",
    { behind: 2, isPaced: true, with: ["gap"] },
  ],
  ["that is slow, with a log that keeps little", { behind: 2, isPaced: true, maxEntries: 3 }],
  ["that is slow and leaves", { behind: 2, isPaced: true, with: ["leave"] }],
  ["that has no id yet", { with: ["leave", "gap"] }],
  ["that leaves in the middle", { behind: 1, with: ["leave"] }],
  ["that is not the only one with its id", { behind: 1, isTwo: true }],
  ["while the channel closes", { behind: 1, with: ["close"] }],
  ["while the log loses what it has not told", { behind: 1, with: ["gap"] }],
  ["while the log fails", { behind: 1, with: ["fail"] }],
  ["while the log cannot be followed yet", { behind: 2, isFar: true, isAway: true }],
  ["while the log answers from a copy that is behind", { behind: 1, hasCopy: true, isAway: true }],
];

const tell = (setting: Setting, createChannel: (log: ControlledLog) => Channel) => {
  const passTime = () => void vi.advanceTimersByTime(REST_MS);
  return explore(STEPS, () => new SpliceWorld(setting, createChannel, passTime));
};

describe("whatever happens between replay and live events", () => {
  beforeAll(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
  afterAll(() => void vi.useRealTimers());

  it.each(SETTINGS)(
    "a client %s gets everything once and in order, and nobody hangs",
    async (_, setting) => {
      const { stories, failures } = await tell(setting, (log) => new EventChannel({ log }));
      expect(failures).toEqual([]);
      expect(stories).toBeGreaterThan(100);
    },
    600_000,
  );

  it("a channel with a small maxReplay says resync once instead", async () => {
    const setting: Setting = { behind: 3, mayResync: true };
    const { failures } = await tell(setting, (log) => new EventChannel({ log, maxReplay: 2 }));
    expect(failures).toEqual([]);
  });

  it.each([
    ["replay first", "lost"],
    ["listen first", "doubled"],
  ] as const)("a naive channel with %s has events %s", async (order, fault) => {
    const { failures } = await tell({ behind: 2 }, (log) => new NaiveChannel(log, order));
    expect(failures.join()).toMatch(new RegExp(`"${fault}":[1-9]`));
  });
});
