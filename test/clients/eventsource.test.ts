import { describe } from "vitest";
import { EventSource } from "eventsource";
import { watch } from "./event-source.ts";
import { tellStory } from "./story.ts";

describe("npm eventsource", () => {
  tellStory(
    {
      connect: async (url, types) => watch(new EventSource(url), types),
      returnsAnyId: false,
    },
    ["node:http", "fetch"],
  );
});
