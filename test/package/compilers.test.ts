import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeInstalled, installed } from "../support/installed.ts";
import { Consumer } from "./consumer.ts";

const run = promisify(execFile);

/** The oldest one that is promised, and the newest one; this project's own is in between. */
const COMPILERS = ["typescript-5.5", "typescript-7"];
const PROGRAM = `
  import { EventChannel, EventEndpoint } from "event-endpoint";
  import { SSEMessage } from "event-endpoint/compat";
  import { RedisEventLog } from "event-endpoint/redis";
  import { eventLogContract, readEvents } from "event-endpoint/testing";
  const channel = new EventChannel();
  export function fetch(request: Request): Response {
    const events = new EventEndpoint(request, { keepAlive: 1000 });
    void channel.add(events);
    events.dispatchEvent(new SSEMessage({ data: "Hello" }));
    // @ts-expect-error: there is no such option
    new EventEndpoint(request, { keepalive: 1000 });
    return events.response;
  }
  // @ts-expect-error: a number is no data of this event
  new EventEndpoint<Request, { tick: string }>(new Request("")).sendEvent("tick", 1);
  export { eventLogContract, readEvents, RedisEventLog };
`;

for (const name of COMPILERS) {
  const compiler = installed(name, "bin", "tsc");
  describeInstalled(compiler, `the types under ${name}`, () => {
    let consumer: Consumer;
    beforeAll(async () => {
      consumer = await Consumer.create();
      await writeFile(join(consumer.folder, "program.mts"), PROGRAM);
    });
    afterAll(() => consumer[Symbol.asyncDispose]());

    it.each([
      ["nodenext", "nodenext"],
      ["esnext", "bundler"],
    ])(
      "are right in themselves and for a program: module %s, resolution %s",
      async (module, resolution) => {
        const options = {
          noEmit: true,
          strict: true,
          exactOptionalPropertyTypes: true,
          target: "es2022",
          module,
          moduleResolution: resolution,
          lib: ["es2022", "esnext.disposable", "webworker"],
          types: [],
        };
        const config = join(consumer.folder, `${module}.json`);
        const project = { compilerOptions: options, files: ["program.mts"] };
        await writeFile(config, JSON.stringify(project));
        const args = [compiler, "-p", config];
        // What is wrong, it says on its standard output.
        const told = await run(process.execPath, args, { cwd: consumer.folder }).catch(
          (error: unknown) => error as { stdout: string },
        );
        expect(told.stdout).toBe("");
      },
    );
  });
}
