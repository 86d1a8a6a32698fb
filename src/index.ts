export type { NodeRequest, NodeResponse } from "./adapters/node/types.ts";
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
export { EventEndpoint } from "./event-endpoint.ts";
export { eventHandler } from "./event-handler.ts";
export type { EventHandler, EventHandlerResult } from "./event-handler.ts";
