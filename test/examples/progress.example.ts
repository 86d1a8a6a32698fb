import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Example } from "./example.ts";
import { Visitor } from "./visitor.ts";

describe("progress.js", () => {
  let example: Example;
  let job: URL;
  beforeAll(async () => {
    example = await Example.start("progress.js");
    const answer = await fetch(example.url, { method: "POST" });
    job = new URL(answer.headers.get("location")!, example.url);
    await answer.text();
  });
  afterAll(() => example[Symbol.asyncDispose]());

  it("is watched by many, of whom each sees the present state, and the end", async () => {
    await using first = await Visitor.to(job);
    const steps = [await doneBy(first)];
    {
      await using gone = await Visitor.to(job);
      await doneBy(gone);
    }
    expect(await example.nextLine()).toBe("A watcher is gone: client-left");

    while (steps.at(-1)! < 4) steps.push(await doneBy(first));
    await using late = await Visitor.to(job);
    let seenLate = await doneBy(late);
    expect(seenLate).toBeGreaterThanOrEqual(4);
    first.cut();
    expect(await example.nextLine()).toBe("A watcher is gone: client-left");
    while (steps.at(-1)! < 10) steps.push(await doneBy(first));
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
    while (seenLate < 10) seenLate = await doneBy(late);

    const lines = [await example.nextLine(), await example.nextLine(), await example.nextLine()];
    expect(lines.sort()).toEqual([
      "A watcher is gone: no-reconnect",
      "A watcher is gone: no-reconnect",
      "The job is done",
    ]);
    await first.stopped();
    await late.stopped();
  });

  it("shows its result to whoever comes after the end, and sends them away", async () => {
    await using visitor = await Visitor.to(job);
    const { data } = await visitor.next();
    expect(JSON.parse(data)).toEqual({ done: 10, of: 10, result: "/files/42" });
    await visitor.stopped();
  });
});

async function doneBy(visitor: Visitor): Promise<number> {
  const { data } = await visitor.next();
  return (JSON.parse(data) as { done: number }).done;
}
