import { isFetchRequest } from "./adapters/fetch/request.ts";
import type { NodeRequest, NodeResponse } from "./adapters/node/types.ts";
import { failStream } from "./core/stream.ts";
import type { DefaultEvents, EventEndpointOptions, Source } from "./core/types.ts";
import { EventEndpoint } from "./event-endpoint.ts";

/** One function for both calling styles. */
export interface EventHandler {
  (request: Request, ...rest: unknown[]): Response;
  (request: NodeRequest, response: NodeResponse, ...rest: unknown[]): void;
}

/** What a handler may return: a source that is piped, or nothing, and the stream stays open. */
export type EventHandlerResult = Source | null | undefined | void;

/**
 * Makes a request handler of a function that is given the open endpoint. The result serves both
 * `(req, res)` and `(request)`, and ignores what else frameworks pass.
 *
 * A source that the function returns is piped, as by `endpoint.pipe(source)`. If it throws or
 * rejects, `onError` is told and the stream is broken off. It is not called for requests that were
 * answered already (a client that was closed for good, HEAD).
 *
 * @example
 * ```ts
 * const clock = eventHandler(async function* () {
 *   for (;;) yield new Date().toISOString();
 * });
 * http.createServer(clock);
 * export default { fetch: clock };
 * ```
 */
export function eventHandler<Events = DefaultEvents>(
  handler: (
    events: EventEndpoint<Request | NodeRequest, Events>,
    request: Request | NodeRequest,
  ) => EventHandlerResult | Promise<EventHandlerResult>,
  options?: EventEndpointOptions,
): EventHandler {
  return ((request: Request | NodeRequest, response: NodeResponse) => {
    const events = isFetchRequest(request)
      ? new EventEndpoint<Request, Events>(request, options)
      : new EventEndpoint<NodeRequest, Events>(request, response, options);
    if (!events.closed) void run(events as EventEndpoint<Request | NodeRequest, Events>);
    return events.response ?? undefined;

    async function run(open: EventEndpoint<Request | NodeRequest, Events>): Promise<void> {
      try {
        const source = await handler(open, request);
        if (source) await open.pipe(source);
      } catch (error) {
        failStream(open, error, "handler");
      }
    }
  }) as EventHandler;
}
