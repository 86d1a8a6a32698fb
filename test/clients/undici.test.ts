import { afterAll, describe } from "vitest";
import { Agent, EventSource } from "undici";
import { watch } from "./event-source.ts";
import { tellStory } from "./story.ts";

describe("EventSource of undici", () => {
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false }, allowH2: true });
  afterAll(() => dispatcher.destroy());

  tellStory(
    {
      connect: async (url, types) => watch(new EventSource(url, { node: { dispatcher } }), types),
      returnsAnyId: false,
    },
    ["node:http", "fetch", "h2"],
  );
});
