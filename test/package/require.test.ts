import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeInstalled, installed } from "../support/installed.ts";
import { Consumer } from "./consumer.ts";

const run = promisify(execFile);

/** The first ones that can require a module, and each line since. */
const VERSIONS = ["node-20-floor", "node-22-floor", "node-22", "node-24", "node-26"];
const SCRIPT = `
  const { EventEndpoint } = require("event-endpoint");
  const names = ["redis", "compat", "testing"].map((name) => require("event-endpoint/" + name));
  const events = new EventEndpoint(new Request("http://host/"));
  void events.send("required");
  void events.close();
  events.response.text().then((text) => console.log(text, names.map((each) => typeof each)));
`;

for (const name of VERSIONS) {
  const node = installed(name, "bin", "node");
  describeInstalled(node, `on ${name}`, () => {
    let consumer: Consumer;
    beforeAll(async () => {
      consumer = await Consumer.create();
    });
    afterAll(() => consumer[Symbol.asyncDispose]());

    it("require() of every entry point works, without a flag", async () => {
      const args = ["--input-type=commonjs", "--eval", SCRIPT];
      const { stdout } = await run(node, args, { cwd: consumer.folder, timeout: 20_000 });
      expect(stdout).toContain("data: required\n\n");
      expect(stdout).toContain("[ 'object', 'object', 'object' ]");
    });
  });
}
