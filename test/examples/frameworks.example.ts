import { describe } from "vitest";
import { channelStory } from "./channel-story.ts";
import { Example } from "./example.ts";

describe.each(["express.js", "express-4.js", "fastify.js", "koa.js", "hono-node.js", "h3.js"])(
  "%s",
  (file) => channelStory(() => Example.start(file)),
);
