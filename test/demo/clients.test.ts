import { describe, expect, it } from "vitest";
import { Clients } from "../../demo/clients.js";

describe("the clients of the demo", () => {
  it("may publish five messages at once, and then one each second", () => {
    const client = new Clients().getOrCreate("a");
    const publish = (now: number) => client.mayPublish(now);
    expect([0, 0, 0, 0, 0, 0].map(publish)).toEqual([true, true, true, true, true, false]);
    expect([999, 1000, 1000, 1999, 2000].map(publish)).toEqual([false, true, false, false, true]);
    // Whoever was quiet has no more than that either.
    expect(Array(7).fill(60_000).filter(publish)).toHaveLength(5);
  });

  it("do not slow each other down", () => {
    const clients = new Clients();
    while (clients.getOrCreate("a").mayPublish(0));
    expect(clients.getOrCreate("b").mayPublish(0)).toBe(true);
  });

  it("are numbered as they come, and forgotten before there are too many", () => {
    const clients = new Clients();
    for (let i = 1; i <= 1001; i++) expect(clients.getOrCreate(`client ${i}`).number).toBe(i);
    expect(clients.get("client 1")).toBeUndefined();
    expect(clients.get("client 2")).toMatchObject({ number: 2 });
    expect(clients.getOrCreate("client 1001").number).toBe(1001);
  });
});
