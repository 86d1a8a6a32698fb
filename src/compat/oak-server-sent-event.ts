import { invalid } from "../core/frame.ts";
import { ServerSentEvent, type ServerSentEventInit } from "../core/events.ts";

/** What {@link OakServerSentEvent} takes besides its type and data. */
export type OakServerSentEventInit = Omit<ServerSentEventInit, "data">;

/**
 * The `ServerSentEvent` of oak until v11, whose data is an argument of its own:
 * `target.dispatchEvent(new OakServerSentEvent("ping", { hello: "world" }, { id: 1 }))`, where
 * `target` is `new EventEndpoint(req, res, options)` instead of `ctx.sendEvents(options)`.
 *
 * Different from the original: an id of 0 is sent, and `retry` may be given.
 */
export class OakServerSentEvent extends ServerSentEvent {
  /**
   * @param data a string is sent as it is, anything else as JSON, and not by the endpoint's
   *   `serialize`
   * @throws TypeError if the data has no JSON form
   */
  constructor(type: string, data: unknown, { space = 0, ...init }: OakServerSentEventInit = {}) {
    if (data === undefined) throw invalid("data", "is missing", data);
    // Naming a space, even none, makes the event serialise its data itself.
    super(type, { ...init, space, data });
  }
}
