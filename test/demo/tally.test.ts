import { describe, expect, it } from "vitest";
import { Tally } from "../../demo/page/tally.js";

/** A tally that has taken these, after the event with the number 10. */
function tallyOf(...numbers: number[]): Tally {
  const tally = new Tally();
  tally.startAfter(10);
  for (const number of numbers) tally.take(number);
  return tally;
}

describe("the counters of the page", () => {
  it.each([
    ["nothing at all", [], 0, 0, [], []],
    ["what comes once and in order", [11, 12, 13], 0, 0, [], []],
    ["the very first that is missing", [12], 1, 0, ["11"], []],
    ["all of a gap", [11, 15, 16], 3, 0, ["12–14"], []],
    ["one gap after the other", [12, 14, 17], 4, 0, ["11", "13", "15–16"], []],
    ["what comes twice", [11, 12, 12, 13], 0, 1, [], ["12"]],
    ["a replay that begins too early", [11, 12, 11, 12, 13], 0, 2, [], ["11", "12"]],
    ["what comes in the wrong order, as both", [12, 11], 1, 1, ["11"], ["11"]],
    ["only the last of many gaps", [12, 14, 16, 18], 4, 0, ["13", "15", "17"], []],
  ])("count %s", (_what, numbers, missing, doubled, missingRanges, doubledRanges) => {
    const tally = tallyOf(...numbers);
    expect(tally.received).toBe(numbers.length);
    expect(tally).toMatchObject({ missing, doubled, missingRanges, doubledRanges });
  });

  it("begin again with whatever comes when the server has said that it cannot tell", () => {
    const tally = tallyOf(11, 12);
    tally.startOver();
    for (const number of [2, 3]) tally.take(number);
    expect(tally).toMatchObject({ received: 4, missing: 0, doubled: 0, newest: 3 });
    tally.take(5);
    expect(tally.missing).toBe(1);
  });
});
