/**
 * What the servers of all runtimes answer, in terms of the package alone. It runs as it is on each
 * of them.
 */
import { EventChannel, EventEndpoint } from "event-endpoint";

const channel = new EventChannel();

/** What ended each stream, by the name that its client gave it. */
const ends = new Map();

/**
 * Answers one request.
 *
 * @param url its path and query
 * @param open makes an endpoint for it
 * @param answer answers it with text instead
 */
export function serve(url, open, answer) {
  const { pathname, searchParams } = new URL(url, "http://localhost");
  const name = searchParams.get("name") ?? "";
  switch (pathname) {
    case "/events": {
      const events = open({ keepAlive: 100 });
      events.addEventListener("close", ({ code }) => ends.set(name, code));
      events.send(events.lastEventId ? `after ${events.lastEventId}` : "hello", "1");
      return events;
    }
    case "/quiet":
      return open({ keepAlive: 100 });
    case "/goodbye": {
      const events = open({});
      events.send("goodbye", name);
      events.close(true);
      return events;
    }
    case "/large": {
      const events = open({});
      events.pipe(blocks(Number(searchParams.get("blocks"))));
      return events;
    }
    case "/channel": {
      const events = open({});
      channel.add(events);
      return events;
    }
    case "/publish":
      return channel.send(searchParams.get("data")).then(answer);
    case "/end":
      return answer(ends.get(name) ?? "");
    default:
      return answer("ready");
  }
}

async function* blocks(count) {
  for (let i = 0; i < count; i++) yield { data: `${i} `.padEnd(65_536, "é") };
}

/** For servers of the shape of `node:http`. */
export function onNodeRequest(req, res) {
  return serve(
    req.url,
    (options) => new EventEndpoint(req, res, options),
    (text) => res.end(text),
  );
}

/** For servers that answer a `Request` with a `Response`. */
export async function onRequest(request) {
  const answered = await serve(
    request.url,
    (options) => new EventEndpoint(request, options),
    (text) => new Response(text),
  );
  return answered instanceof Response ? answered : answered.response;
}
