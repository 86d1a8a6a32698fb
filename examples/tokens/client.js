// node client.js http://localhost:3000/ "your prompt" [tokens at most]
import { EventSourceParserStream } from "eventsource-parser/stream";

const [url, prompt, limit = Infinity] = process.argv.slice(2);

// EventSource cannot send a body, but a stream can be the answer to any request.
const response = await fetch(url, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ prompt }),
});
if (!response.ok) throw new Error(await response.text());

const events = response.body
  .pipeThrough(new TextDecoderStream())
  .pipeThrough(new EventSourceParserStream());

for await (const { event, data } of events) {
  if (event === "close") break; // the whole answer is here
  const { token, index } = JSON.parse(data);
  process.stdout.write(token);
  if (index + 1 >= limit) break; // leaving the loop leaves the server, which stops the model
}
