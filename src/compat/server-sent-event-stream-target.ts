import { readHeaders } from "../core/headers.ts";
import { EventEndpoint } from "../event-endpoint.ts";

/** Milliseconds between keep-alives that Deno's standard library meant by `true`. */
const DEFAULT_KEEP_ALIVE_MS = 30_000;

/** What {@link ServerSentEventStreamTarget} takes. */
export interface ServerSentEventTargetOptions {
  /**
   * Milliseconds without output after which a comment is sent; `true` means 30 000.
   * Defaults to `false`, which turns it off.
   */
  keepAlive?: boolean | number | undefined;
}

/**
 * An endpoint that is made without a request, and answers with `asResponse()`: the class of
 * `std/http/server_sent_event.ts` in Deno's standard library, as of 0.203.
 *
 * As there is no request, a client that was closed for good is not recognised, `lastEventId` is
 * what was sent last, and that the client has left is known once its server cancels the body.
 * Everything else is {@link EventEndpoint}, so code that has a request should move there.
 *
 * Different from the original: an id of 0 is sent, what is sent after the end answers `false`, a
 * broken connection is a `close` event without an `error` event, and a client for which more than
 * 1 MiB waits is closed. `replacer` and `space` are fields of `OakServerSentEvent` alone.
 *
 * @example
 * ```ts
 * Deno.serve(() => {
 *   const target = new ServerSentEventStreamTarget();
 *   target.dispatchEvent(new ServerSentEvent("ping", { data: "hello" }));
 *   return target.asResponse();
 * });
 * ```
 */
export class ServerSentEventStreamTarget extends EventEndpoint<Request> {
  /** @throws TypeError if `keepAlive` is negative or of another type. */
  constructor({ keepAlive = false }: ServerSentEventTargetOptions = {}) {
    // Nothing of it is looked at but that it brings no id.
    const request = new Request("http://localhost");
    super(request, { keepAlive: keepAlive === true ? DEFAULT_KEEP_ALIVE_MS : keepAlive });
  }

  /**
   * The answer, with further headers or another status. The stream's own headers win, and those
   * that frame the connection are left to the server.
   *
   * @throws TypeError if a header is not a legal one; RangeError if the status is not
   */
  asResponse(init?: ResponseInit): Response {
    return new Response(...this.asResponseInit(init));
  }

  /**
   * The same as arguments of `new Response()`, for servers with a class of their own.
   *
   * @throws TypeError if a header is not a legal one
   */
  asResponseInit(init: ResponseInit = {}): [body: ReadableStream<Uint8Array>, init: ResponseInit] {
    const { body, headers: ours } = this.response;
    const headers = readHeaders(init.headers);
    for (const [name, value] of ours) headers.set(name, value);
    return [body as ReadableStream<Uint8Array>, { ...init, headers }];
  }
}
