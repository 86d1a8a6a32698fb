import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EventEndpoint, type EventEndpointOptions } from "../../src/index.ts";
import { type ProcessWatch, settle, watchProcess } from "../support/process-watch.ts";

/** Makes something of the classes of another realm, as a test runner or a plug-in system does. */
const foreign = (code: string) => runInNewContext(code) as never;

let watch: ProcessWatch;
beforeEach(() => void (watch = watchProcess()));
afterEach(() => watch.stop());

function open(options?: EventEndpointOptions, headers: Record<string, string> = {}) {
  return new EventEndpoint(new Request("http://host/", { headers }), options);
}

describe("what is of another realm", () => {
  it("is sent as if it were of this one", async () => {
    const events = open(foreign(`({ closeEvent: "bye" })`));
    void events.send(foreign(`({ a: 1 })`), foreign(`({ id: "7", event: "tick" })`));
    const keep = { end: "keep-open" } as const;
    await events.pipe(foreign(`[1]`), null, keep);
    await events.pipe(foreign(`(async function* () { yield 2 })()`), null, {
      ...keep,
    });
    await events.pipe([3], foreign(`(data) => ({ data })`), foreign(`({ end: "keep-open" })`));
    void events.close(true);
    expect(await events.response.text()).toMatch(
      /^:\nevent: tick\nid: 7\ndata: \{"a":1\}\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\nevent: bye\n/,
    );
  });

  const reject = () => foreign(`Promise.reject(new Error("harm"))`);

  it.each<[string, (told: string[]) => unknown]>([
    ["serialize", () => expect(() => open({ serialize: reject }).send({})).toThrow(TypeError)],
    ["toMessage", () => open().pipe([1], reject)],
    ["closedClients.has", (told) => openKnown({ has: reject, add() {} }, told)],
    ["closedClients.add", (told) => openKnown({ has: () => false, add: reject }, told).close(true)],
    ["onError", () => open({ onError: reject }).pipe([1], () => reject())],
  ])("may reject what %s returned, and nobody is harmed", async (name, run) => {
    const told: string[] = [];
    await run(told);
    await settle();
    expect(watch.rejections).toEqual([]);
    expect(told).toEqual(name.startsWith("closedClients") ? ["closed-clients"] : []);
  });

  function openKnown(
    closedClients: NonNullable<EventEndpointOptions["closedClients"]>,
    told: string[],
  ) {
    const onError: EventEndpointOptions["onError"] = (_, { stage }) => told.push(stage);
    return open({ closedClients, onError }, { "Last-Event-ID": "7" });
  }
});
