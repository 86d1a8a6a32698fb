export { ServerSentEvent } from "../core/events.ts";
export type { ServerSentEventInit } from "../core/events.ts";
export { OakServerSentEvent } from "./oak-server-sent-event.ts";
export type { OakServerSentEventInit } from "./oak-server-sent-event.ts";
export { ServerSentEventStreamTarget } from "./server-sent-event-stream-target.ts";
export type { ServerSentEventTargetOptions } from "./server-sent-event-stream-target.ts";
export { SSEEvent, SSEMessage } from "./sse-event.ts";
