export { ServerSentEvent } from "../core/events.ts";
