export { eventLogContract } from "./event-log-contract.ts";
export type { ContractCheck, EventLogContractOptions } from "./event-log-contract.ts";
export { readEvents } from "./read-events.ts";
export type { ReadEventsOptions } from "./read-events.ts";
export type { ParsedEvent } from "./parser.ts";
