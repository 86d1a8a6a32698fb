import { ServerSentEvent, type ServerSentEventInit } from "../core/events.ts";
import { serializeData } from "../core/frame.ts";

/** What {@link OakServerSentEvent} takes besides its type and data. */
export interface OakServerSentEventInit extends Omit<ServerSentEventInit, "data"> {
  /** Second argument of `JSON.stringify`: what of the data is sent, and as what. */
  replacer?:
    ((this: unknown, key: string, value: unknown) => unknown) | (string | number)[] | undefined;
  /** Third argument of `JSON.stringify`: the indentation. */
  space?: string | number | undefined;
}

/**
 * The `ServerSentEvent` of oak until v11, whose data is an argument of its own:
 * `target.dispatchEvent(new OakServerSentEvent("ping", { hello: "world" }, { id: 1 }))`, where
 * `target` is `new EventEndpoint(req, res, options)` instead of `ctx.sendEvents(options)`.
 *
 * Its data becomes text here and not in the endpoint, so the endpoint's `serialize` does not see
 * it. Different from the original: an id of 0 is sent, and `retry` may be given.
 */
export class OakServerSentEvent extends ServerSentEvent {
  /**
   * @param data a string is sent as it is, anything else as JSON
   * @throws TypeError if the data has no JSON form
   */
  constructor(
    type: string,
    data: unknown,
    { replacer, space, ...init }: OakServerSentEventInit = {},
  ) {
    // The declarations know either kind of replacer, but not both at once.
    const toJson = (value: unknown) => JSON.stringify(value, replacer as string[], space);
    super(type, { ...init, data: serializeData(data, toJson) });
  }

  /** The text that is sent. */
  override get data(): string {
    return super.data as string;
  }
}
