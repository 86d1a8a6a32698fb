import { readFileSync } from "node:fs";
import { createSecureServer } from "node:http2";
import { text } from "node:stream/consumers";
import { EventChannel, EventEndpoint } from "event-endpoint";

// A certificate for this machine:
//   openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -keyout key.pem -out cert.pem
const key = readFileSync(process.env.KEY ?? "key.pem");
const cert = readFileSync(process.env.CERT ?? "cert.pem");

const page = `<!doctype html><title>Events over HTTP/2</title><ul></ul><script>
  new EventSource("/events").onmessage = ({ data }) =>
    document.querySelector("ul").append(Object.assign(document.createElement("li"), { textContent: data }));
</script>`;

const channel = new EventChannel();

// Browsers open six connections to a host over HTTP/1; over HTTP/2, a hundred streams share one.
const server = createSecureServer({ key, cert, allowHTTP1: true }, async (req, res) => {
  if (req.url !== "/events") {
    res.writeHead(200, { "Content-Type": "text/html" }).end(page);
  } else if (req.method === "POST") {
    res.end(await channel.send(await text(req)));
  } else {
    res.setHeader("Access-Control-Allow-Origin", "*");
    res.setHeader("Set-Cookie", "seen=yes");
    const events = new EventEndpoint(req, res);
    events.addEventListener("close", ({ code }) => console.log(`A stream ended: ${code}`));
    channel.add(events);
  }
});

server.listen(process.env.PORT ?? 3000, () => {
  console.log(`https://localhost:${server.address().port}/`);
});
