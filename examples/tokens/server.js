import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { EventEndpoint } from "event-endpoint";

/** Stands for a model, which costs money for as long as it runs. Give yours the signal, too. */
async function* generate(prompt, signal) {
  let count = 0;
  try {
    for (const word of `You said: ${prompt}. ${"And so on. ".repeat(1000)}`.split(/(?<= )/)) {
      await setTimeout(20, null, { signal });
      yield { token: word, index: count++ };
    }
  } finally {
    console.log(`The model stopped after ${count} tokens`);
  }
}

const server = createServer(async (req, res) => {
  const { prompt } = (await json(req).catch(() => null)) ?? {};
  if (req.method !== "POST" || typeof prompt !== "string") {
    return res.writeHead(400).end("Send { prompt }\n");
  }
  const events = new EventEndpoint(req, res);
  // Tells the generator to return when the client leaves, and the client when there is no more.
  events.pipe(generate(prompt, events.signal), (token) => ({ event: "token", data: token }));
});

server.listen(process.env.PORT ?? 3000, () => {
  console.log(`http://localhost:${server.address().port}/`);
});
