export type { RedisClient } from "./client.ts";
export { RedisClosedClients } from "./closed-clients.ts";
export type { RedisClosedClientsOptions } from "./closed-clients.ts";
export { RedisEventLog } from "./event-log.ts";
export type { RedisEventLogOptions } from "./event-log.ts";
