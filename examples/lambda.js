// For a function URL whose invoke mode is RESPONSE_STREAM.
/* global awslambda -- Lambda's Node.js has it */
import { pipeline } from "node:stream/promises";
import { setTimeout } from "node:timers/promises";
import { EventEndpoint } from "event-endpoint";

/** Each connection has a process of its own while it is open: everything comes from a source. */
async function* count(from, signal) {
  for (let n = from; ; n++) {
    yield { data: `number ${n}`, id: n };
    await setTimeout(200, null, { signal });
  }
}

export const handler = awslambda.streamifyResponse(async (event, responseStream, context) => {
  const { domainName, http } = event.requestContext;
  const url = `https://${domainName}${event.rawPath}?${event.rawQueryString}`;
  const events = new EventEndpoint(
    new Request(url, { method: http.method, headers: event.headers }),
    {
      headers: { "Access-Control-Allow-Origin": "*", "Set-Cookie": "seen=yes" },
      // Ends between two events, before Lambda's timeout breaks it off; the client comes back with
      // its id. It may take a fifth more or less.
      maxDuration: context.getRemainingTimeInMillis() * 0.7,
    },
  );
  events.addEventListener("close", ({ code }) => console.log(`A stream ended: ${code}`));
  events.pipe(count(Number(events.lastEventId) + 1, events.signal), (message) => message);

  const { status, headers, body } = events.response;
  const cookies = headers.getSetCookie();
  headers.delete("Set-Cookie");
  const output = awslambda.HttpResponseStream.from(responseStream, {
    statusCode: status,
    headers: Object.fromEntries(headers),
    cookies,
  });
  if (body)
    await pipeline(body, output).catch(() => {}); // the client has left
  else output.end(""); // 204
});
