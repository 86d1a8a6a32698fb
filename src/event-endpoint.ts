import { isFetchRequest, readFetchRequest } from "./adapters/fetch/request.ts";
import { BodySink } from "./adapters/fetch/sink.ts";
import { readNodeRequest } from "./adapters/node/request.ts";
import { ResponseSink } from "./adapters/node/sink.ts";
import type { NodeRequest, NodeResponse } from "./adapters/node/types.ts";
import { acceptsEventStream } from "./core/request.ts";
import { EventStream } from "./core/stream.ts";
import type { DefaultEvents, EventEndpointOptions } from "./core/types.ts";

/**
 * Turns one HTTP request into a stream of Server-Sent Events, on any JavaScript server.
 *
 * @example
 * On `node:http`, `node:https`, `node:http2`, and with the raw pair of Express, Fastify
 * or Koa:
 * ```ts
 * http.createServer((req, res) => {
 *   const events = new EventEndpoint(req, res);
 *   events.send("Hello");
 * });
 * ```
 *
 * @example
 * With everything that answers a `Request` with a `Response`:
 * ```ts
 * export default {
 *   fetch(req: Request) {
 *     const events = new EventEndpoint(req);
 *     events.send("Hello");
 *     return events.response;
 *   },
 * };
 * ```
 *
 * @typeParam Events the data of each event type, checked by `sendEvent()`
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export class EventEndpoint<
  Req extends Request | NodeRequest = Request | NodeRequest,
  Events = DefaultEvents,
> extends EventStream<Events> {
  readonly #response: Response | null = null;

  /**
   * Opens the stream: status, headers and a first byte leave at once. A request whose client was
   * closed for good is answered with 204, and a HEAD request with the headers alone; then the
   * endpoint is `closed` from the start.
   *
   * @throws TypeError if an argument or option is wrong, with nothing written
   */
  constructor(
    request: Req,
    ...rest: Req extends Request
      ? [options?: EventEndpointOptions]
      : [response: NodeResponse, options?: EventEndpointOptions]
  );
  constructor(
    request: Request | NodeRequest,
    responseOrOptions?: NodeResponse | EventEndpointOptions,
    nodeOptions?: EventEndpointOptions,
  ) {
    const isFetch = isFetchRequest(request);
    const info = isFetch ? readFetchRequest(request) : readNodeRequest(request);
    const body = isFetch && new BodySink(request);
    super(
      body || new ResponseSink(responseOrOptions as NodeResponse | undefined),
      info,
      isFetch ? (responseOrOptions as EventEndpointOptions | undefined) : nodeOptions,
    );
    if (body) this.#response = body.response;
  }

  /** What a fetch-style handler returns; `null` on Node, where `res` was answered. */
  get response(): Req extends Request ? Response : null {
    return this.#response as Req extends Request ? Response : null;
  }

  /**
   * Would this client take an event stream? Follows the `Accept` header: its most specific range
   * that matches `text/event-stream` must not have weight 0; without the header, anything goes.
   *
   * @see https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
   */
  static accepts(request: Request | NodeRequest): boolean {
    const { header } = (isFetchRequest(request) ? readFetchRequest : readNodeRequest)(
      request as never,
    );
    return acceptsEventStream(header("accept"));
  }
}
