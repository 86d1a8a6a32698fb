import { createServer } from "node:http";
import { EventEndpoint } from "event-endpoint";
import { EventSourceParserStream } from "eventsource-parser/stream";

const { UPSTREAM = "http://localhost:3001/events", PORT = 3000 } = process.env;

const server = createServer(async (req, res) => {
  const events = new EventEndpoint(req, res);
  const headers = { Accept: "text/event-stream" };
  // Ids are UTF-8, and a header takes each byte as a character.
  const id = Buffer.from(events.lastEventId).toString("latin1");
  if (id) headers["Last-Event-ID"] = id;
  try {
    // When the client leaves, so do we.
    const upstream = await fetch(UPSTREAM, { headers, signal: events.signal });
    // Nobody is to come back: an empty source ends at once, and says so to the client.
    if (upstream.status === 204) return void events.pipe([]);
    if (!upstream.ok) throw new Error(`Upstream says ${upstream.status}`);
    const messages = upstream.body
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream());
    const toMessage = ({ event, data, id }) => ({ event, data, id });
    // At the speed of the client: what it does not take, we do not read.
    await events.pipe(messages, toMessage, { end: "keep-open" });
  } catch (error) {
    if (!events.closed) console.error(error);
  }
  events.close({ reconnectionTime: 1000 }); // the client comes back with its id, and so do we
});

server.listen(PORT, () => console.log(`http://localhost:${server.address().port}/`));
