import { describe, it } from "vitest";
import { MemoryEventLog } from "../../src/channel/memory-event-log.ts";
import { eventLogContract } from "../../src/testing/event-log-contract.ts";

describe("MemoryEventLog", () => {
  for (const { name, run } of eventLogContract({ open: () => new MemoryEventLog() })) it(name, run);
});
