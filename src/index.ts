export type { NodeRequest, NodeResponse } from "./adapters/node/types.ts";
export { EventChannel } from "./channel/event-channel.ts";
export type { EventLog, EventLogListener, EventMessage, LogEntry } from "./channel/event-log.ts";
export type { EventFilter } from "./channel/member.ts";
export { MemoryEventLog } from "./channel/memory-event-log.ts";
export type { MemoryEventLogOptions } from "./channel/memory-event-log.ts";
export type {
  ChannelCloseOptions,
  ChannelFields,
  EventChannelOptions,
  MemberOptions,
} from "./channel/types.ts";
export { MemoryClosedClients } from "./core/closed-clients.ts";
export type { MemoryClosedClientsOptions } from "./core/closed-clients.ts";
export { EventEndpointError } from "./core/errors.ts";
export type { ErrorStage, EventEndpointErrorCode } from "./core/errors.ts";
export { CloseEvent, ServerSentEvent } from "./core/events.ts";
export type { ServerSentEventInit } from "./core/events.ts";
export type {
  CloseCode,
  ClosedClients,
  CloseOptions,
  DefaultEvents,
  EndpointEventMap,
  EventEndpointOptions,
  EventFields,
  Message,
  PipeOptions,
  Source,
} from "./core/types.ts";
export type { EventStream } from "./core/stream.ts";
export { EventEndpoint } from "./event-endpoint.ts";
export { eventHandler } from "./event-handler.ts";
export type { EventHandler, EventHandlerResult } from "./event-handler.ts";
