import { EventEndpoint } from "../../src/event-endpoint.ts";
import { readEvents } from "../../src/testing/read-events.ts";

/** The id that a client is told to stop with, by any process that uses the package. */
export async function closingId(): Promise<string> {
  const events = new EventEndpoint(new Request("http://localhost/"));
  void events.close(true);
  for await (const { id } of readEvents(events.response)) return id;
  throw new Error("There was no goodbye");
}
