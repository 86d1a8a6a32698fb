import { describe, expect, it } from "vitest";
import type { ClosedClients } from "../../src/core/types.ts";

/** What every registry of closed clients does, wherever it keeps its marks. */
export function closedClientsContract(name: string, create: () => ClosedClients): void {
  describe(`closed clients in ${name}`, () => {
    it("knows nobody at first", () => {
      expect(create().has("7")).toBe(false);
    });

    it("knows who was added, however often it is asked", () => {
      const clients = create();
      void clients.add("7");
      for (let retry = 1; retry <= 10; retry++) expect(clients.has("7")).toBe(true);
      expect(clients.has("8")).toBe(false);
    });

    it("takes being told twice for being told once", () => {
      const clients = create();
      void clients.add("7");
      void clients.add("7");
      expect(clients.has("7")).toBe(true);
    });

    it.each(["__proto__", "constructor", "toString", "a: b", "é…日", "", "user\n7"])(
      "takes %j for an id like any other",
      (id) => {
        const clients = create();
        expect(clients.has(id)).toBe(false);
        void clients.add(id);
        expect(clients.has(id)).toBe(true);
      },
    );
  });
}
