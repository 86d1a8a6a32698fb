import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { within } from "../support/inbox.ts";
import { Line } from "../support/line.ts";
import { Example, EXAMPLES } from "./example.ts";

const STEPS = 12;
/** Steps after which the connection breaks. */
const BREAKS = [3, 7];

describe("mcp.js", () => {
  let example: Example;
  beforeAll(async () => {
    example = await Example.start("mcp.js");
  });
  afterAll(() => example[Symbol.asyncDispose]());

  it("answers a client of MCP, whose connection breaks, with every message once", async () => {
    const { Client, StreamableHTTPClientTransport } = await loadClient();
    const line = await Line.to(Number(example.url.port));
    const transport = new StreamableHTTPClientTransport(
      new URL(`http://127.0.0.1:${line.port}/mcp`),
      {
        reconnectionOptions: {
          initialReconnectionDelay: 20,
          maxReconnectionDelay: 20,
          reconnectionDelayGrowFactor: 1,
          maxRetries: 5,
        },
      },
    );
    const client = new Client({ name: "test", version: "1.0.0" });
    await within(client.connect(transport), "session");
    expect((await client.listTools()).tools).toMatchObject([{ name: "count" }]);

    const steps: number[] = [];
    const onprogress = ({ progress }: { progress: number }) => {
      steps.push(progress);
      if (BREAKS.includes(progress)) line.cut("reset");
    };
    const call = { name: "count", arguments: { to: STEPS } };
    const result = await within(client.callTool(call, { onprogress }), "result");
    expect(result).toMatchObject({ content: [{ type: "text", text: `Counted to ${STEPS}` }] });
    expect(steps).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1));
    for (let i = 0; i < BREAKS.length; i++) {
      expect(await example.nextLine()).toBe("A connection ended: client-left");
    }
    expect(await example.nextLine()).toBe("A connection ended: closed");

    await transport.terminateSession();
    await client.close();
    line.close();
  });

  it("gives the whole rest of a stream that has ended, to whoever comes back with an id", async () => {
    const headers: Record<string, string> = { Accept: "application/json, text/event-stream" };
    const post = (message: object) =>
      fetch(example.url, {
        method: "POST",
        headers,
        body: JSON.stringify({ jsonrpc: "2.0", ...message }),
      });
    const { headers: answered } = await post({ id: 1, method: "initialize", params: {} });
    headers["Mcp-Session-Id"] = answered.get("mcp-session-id")!;
    const params = { name: "count", arguments: { to: 2 }, _meta: { progressToken: 1 } };
    const text = await (await post({ id: 2, method: "tools/call", params })).text();
    const ids = [...text.matchAll(/^id: (.*)$/gm)].map(([, id]) => id!);
    expect(ids).toHaveLength(4);
    const again = await fetch(example.url, { headers: { ...headers, "Last-Event-ID": ids[1]! } });
    expect(await again.text()).toBe(`:\n${text.slice(text.indexOf(`id: ${ids[2]!}`))}`);
    const unknown = await fetch(example.url, { headers: { ...headers, "Last-Event-ID": "x/1" } });
    expect(unknown.status).toBe(404);
  });

  it("refuses pages of others, and sessions that it does not know", async () => {
    const status = async (headers: Record<string, string>) =>
      (await fetch(example.url, { headers })).status;
    expect(await status({ Origin: "http://example.org" })).toBe(403);
    expect(await status({ "Mcp-Session-Id": "unknown" })).toBe(404);
    expect(await status({})).toBe(400);
  });
});

/** The client's package is installed with the examples. */
async function loadClient(): Promise<any> {
  const require = createRequire(join(EXAMPLES, "package.json"));
  return import(pathToFileURL(require.resolve("@modelcontextprotocol/client")).href);
}
