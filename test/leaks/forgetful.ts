import { once } from "node:events";
import { createServer } from "node:http";
import { expect, it } from "vitest";

// Of leftovers.test.ts, which runs it and expects it to fail.
it("passes, but does not close its server", async () => {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  expect(server.listening).toBe(true);
});
