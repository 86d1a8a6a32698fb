import { EventChannel, type EventChannelOptions } from "../../src/index.ts";
import { afterEachFile } from "../support/file-end.ts";
import { dataOf } from "./journal.ts";
import type { Channel } from "./splice-world.ts";

const channels = new Set<Channel>();

/** Has the channel closed when the tests of its file are over: a timer holds an open one. */
export function closeAtEnd<Of extends Channel>(channel: Of): Of {
  channels.add(channel);
  return channel;
}

afterEachFile(() => {
  for (const channel of channels) void channel.close();
  channels.clear();
});

/** A channel whose events count up from 1, and say which channel they are of. */
export class Feed<Of extends Channel = EventChannel> {
  readonly name: string;
  readonly channel: Of;
  /** How many events there are. */
  published = 0;

  constructor(name: string, channel: Of) {
    this.name = name;
    this.channel = closeAtEnd(channel);
  }

  static of(options?: EventChannelOptions): Feed {
    return new Feed("a", new EventChannel(options));
  }

  /** Sends the next event; its id. */
  publish(filling?: string): Promise<string> {
    return this.channel.send(dataOf(this.name, ++this.published, filling), {});
  }
}
