import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  createClosingId,
  isClosedClient,
  markClosedClient,
  MemoryClosedClients,
  readClosingId,
  sharedClosedClients,
} from "../../src/core/closed-clients.ts";
import { closedClientsContract } from "../contract/closed-clients.ts";

closedClientsContract("memory", () => new MemoryClosedClients());

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("MemoryClosedClients", () => {
  it("forgets a mark after its time, counted from the last time it was set", () => {
    const clients = new MemoryClosedClients({ ttl: 1000 });
    void clients.add("7");
    vi.advanceTimersByTime(600);
    void clients.add("7");
    vi.advanceTimersByTime(600);
    expect(clients.has("7")).toBe(true);
    vi.advanceTimersByTime(400);
    expect(clients.has("7")).toBe(false);
  });

  it("keeps a mark for an hour by default", () => {
    const clients = new MemoryClosedClients();
    void clients.add("7");
    vi.advanceTimersByTime(3_599_999);
    expect(clients.has("7")).toBe(true);
    vi.advanceTimersByTime(1);
    expect(clients.has("7")).toBe(false);
  });

  it("holds no more marks than it may; the one that was set longest ago goes first", () => {
    const clients = new MemoryClosedClients({ maxEntries: 2 });
    void clients.add("1");
    void clients.add("2");
    void clients.add("1");
    void clients.add("3");
    expect(["1", "2", "3"].filter((id) => clients.has(id))).toEqual(["1", "3"]);
  });

  it("holds 100 000 marks by default, however many are set", () => {
    // Asked so often, the real time is a lot cheaper than a fake one.
    vi.useRealTimers();
    const clients = new MemoryClosedClients();
    for (let id = 0; id < 110_000; id++) clients.add(`${id}`);
    let held = 0;
    for (let id = 0; id < 110_000; id++) if (clients.has(`${id}`)) held++;
    expect(held).toBe(100_000);
    expect(clients.has("109999")).toBe(true);
  });

  it.each([{ ttl: 0 }, { ttl: NaN }, { maxEntries: 0 }, { maxEntries: -1 }])(
    "refuses %j",
    (options) => {
      const [name] = Object.keys(options);
      expect(() => new MemoryClosedClients(options)).toThrow(TypeError);
      expect(() => new MemoryClosedClients(options)).toThrow(`"${name}"`);
    },
  );

  it("is shared by all endpoints that were given no registry, also by another copy of the code", async () => {
    void sharedClosedClients().add("shared");
    vi.resetModules();
    const copy = await import("../../src/core/closed-clients.ts");
    expect(copy.MemoryClosedClients).not.toBe(MemoryClosedClients);
    expect(copy.sharedClosedClients().has("shared")).toBe(true);
  });
});

describe("the key of a client", () => {
  const registry = (closedClientsScope: string) => ({
    closedClients: new MemoryClosedClients(),
    closedClientsScope,
    onError: undefined,
  });

  it("is its id where no scope was given, for registries that somebody else fills", () => {
    const open = registry("");
    open.closedClients.add("7");
    expect(isClosedClient(open, "7")).toBe(true);
  });

  it("has the scope in it, so that a guessed id refuses nobody else", () => {
    const ann = registry("ann");
    markClosedClient(ann, "7");
    expect(isClosedClient(ann, "7")).toBe(true);
    expect(isClosedClient({ ...ann, closedClientsScope: "bob" }, "7")).toBe(false);
    expect(isClosedClient({ ...ann, closedClientsScope: "" }, "7")).toBe(false);
    expect(isClosedClient({ ...ann, closedClientsScope: "an" }, "n7")).toBe(false);
  });

  it("is never empty: a client without an id is not marked, and not refused", () => {
    const added: string[] = [];
    const closedClients = { has: () => true, add: (id: string) => void added.push(id) };
    markClosedClient({ ...registry("ann"), closedClients }, "");
    expect(added).toEqual([]);
    expect(isClosedClient({ ...registry("ann"), closedClients }, "")).toBe(false);
  });
});

describe("a registry that fails", () => {
  it("lets the client in and tells onError", () => {
    const faults: unknown[] = [];
    const fail = () => {
      throw new Error("down");
    };
    const registry = {
      closedClients: { has: fail, add: fail },
      closedClientsScope: "",
      onError: (error: unknown, { stage }: { stage: string }) => faults.push(String(error), stage),
    };
    expect(isClosedClient(registry, "7")).toBe(false);
    markClosedClient(registry, "7");
    expect(faults).toEqual(["Error: down", "closed-clients", "Error: down", "closed-clients"]);
  });

  it("lets everybody in when it answers with a promise", () => {
    const closedClients = { has: (async () => true) as never, add: () => {} };
    const registry = { closedClients, closedClientsScope: "", onError: undefined };
    expect(isClosedClient(registry, "7")).toBe(false);
  });
});

describe("closing ids", () => {
  it("are printable ASCII of at most 64 bytes, none that a cross-origin request asks leave for", () => {
    for (let count = 0; count < 1000; count++) {
      expect(createClosingId()).toMatch(/^[\w.-]{1,64}$/);
    }
  });

  it("are random", () => {
    const ids = Array.from({ length: 1000 }, createClosingId);
    expect(new Set(ids).size).toBe(1000);
  });

  it("count for an hour", () => {
    const id = createClosingId();
    vi.advanceTimersByTime(3_599_000);
    expect(readClosingId(id)).toBe(true);
    vi.advanceTimersByTime(2_000);
    expect(readClosingId(id)).toBe(false);
  });

  it.each([
    "7",
    "",
    "evt-closed",
    "evt-closed.",
    "evt-closed.zzzz",
    "evt-closed.zzzzzz.1.2.3",
    "evt-closed.ZZZZZZ.1.2.3.4",
    "xevt-closed.zzzzzz.1.2.3.4",
    "evt-closed.zzzzzz.1.2.3.4x",
  ])("are not taken for one: %j", (id) => {
    expect(readClosingId(id)).toBe(undefined);
  });
});
