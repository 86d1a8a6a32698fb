import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type CloseEvent,
  EventChannel,
  type EventChannelOptions,
  type EventEndpoint,
  type EventEndpointOptions,
  MemoryClosedClients,
  MemoryEventLog,
  type MemberOptions,
} from "../../src/index.ts";
import { Inbox, within } from "../support/inbox.ts";
import type { Exchange, Host, StartHost } from "./host.ts";

/** What a channel does on every server: the same tests run over each adapter and protocol. */
export function channelContract(name: string, start: StartHost): void {
  describe(`a channel on ${name}`, () => {
    let host: Host;
    let channel: EventChannel;
    let membership: MemberOptions<EventEndpoint>;
    let options: EventEndpointOptions;
    /** The endpoints, and what `add()` answered, in the order of their requests. */
    let joins: Inbox<{ events: EventEndpoint; joined: Promise<boolean> }>;
    /** How they closed: not the events, which hold the endpoints. */
    let closes: Inbox<Pick<CloseEvent, "code" | "wasClean">>;

    beforeEach(async () => {
      membership = {};
      options = { closedClients: new MemoryClosedClients() };
      joins = new Inbox("member");
      closes = new Inbox("close event");
      const inboxes = { joins, closes };
      open();
      host = await start((openEndpoint) => {
        const events = openEndpoint(options);
        events.addEventListener("close", ({ code, wasClean }) => {
          inboxes.closes.put({ code, wasClean });
        });
        inboxes.joins.put({ events, joined: channel.add(events, membership) });
      });
    });
    afterEach(async () => {
      void channel.close();
      await host.close();
      joins.clear();
    });

    function open(channelOptions: EventChannelOptions = {}): void {
      channel = new EventChannel(channelOptions);
    }

    /** Connects a client, that brings an id if it has one. */
    async function connect(id?: string): Promise<[Exchange, EventEndpoint, Promise<boolean>]> {
      const headers = id === undefined ? {} : { "Last-Event-ID": id };
      const client = await within(host.request({ headers }), "answer");
      const { events, joined } = await joins.take();
      return [client, events, joined];
    }

    it("greets who is new, and sends each event to everybody", async () => {
      const first = await channel.send("before");
      const clients = [await connect(), await connect(), await connect()];
      for (const [, events, joined] of clients) {
        expect(await within(joined, "answer of add()")).toBe(true);
        expect(channel.has(events)).toBe(true);
      }
      expect(channel.size).toBe(3);
      const second = await channel.sendEvent("tick", { a: "é\n日" });
      const third = await channel.send("a\nb", { retry: 5, transient: true });
      expect(third).toBe("");
      for (const [client] of clients) {
        await client.readUntil("data: b\n\n");
        expect(client.text).toBe(
          `:\nevent: ready\nid: ${first}\ndata: \n\n` +
            `event: tick\nid: ${second}\ndata: {"a":"é\\n日"}\n\nretry: 5\ndata: a\ndata: b\n\n`,
        );
      }
    });

    it("sends what was sent in one turn as one write, also the endpoint's own", async () => {
      const [client, events] = await connect();
      await client.readUntil("event: ready");
      await client.readUntil("data: \n\n");
      const before = client.chunks.length;
      void channel.send("1");
      void events.send("2");
      void channel.send("3");
      await client.readUntil("data: 3\n\n");
      expect(client.chunks.length).toBe(before + 1);
      expect(client.chunks.at(-1)).toMatch(/^id: \S+\ndata: 1\n\ndata: 2\n\nid: \S+\ndata: 3\n\n$/);
    });

    it("brings a client that reconnects what it missed, and then what comes", async () => {
      const ids = [await channel.send("0")];
      for (let i = 1; i <= 250; i++) ids.push(await channel.send(`${i}`));
      const [client, , joined] = await connect(ids[10]);
      expect(await within(joined, "answer of add()")).toBe(true);
      ids.push(await channel.send("251"));
      await client.readUntil("data: 251\n\n");
      const expected = ids.slice(11).map((id, i) => `id: ${id}\ndata: ${i + 11}\n\n`);
      expect(client.text).toBe(`:\n${expected.join("")}`);
    });

    it("brings a client that dropped before its first event all that came since", async () => {
      const [client, events] = await connect();
      await client.readUntil("data: \n\n");
      const [, cursor] = /\nid: (\S+)\n/.exec(client.text)!;
      client.abort();
      expect(await closes.take()).toMatchObject({ code: "client-left" });
      expect([channel.size, channel.has(events)]).toEqual([0, false]);
      const id = await channel.send("missed");
      const [again] = await connect(cursor);
      await again.readUntil("data: missed\n\n");
      expect(again.text).toBe(`:\nid: ${id}\ndata: missed\n\n`);
    });

    it.each(["41", "é", "x".repeat(64) + "-1"])(
      "tells a client with the id %s to start anew",
      async (own) => {
        const id = await channel.send("x");
        const [client] = await connect(Buffer.from(own).toString("latin1"));
        await client.readUntil("}\n\n");
        const data = JSON.stringify({ lastEventId: own });
        expect(client.text).toBe(`:\nevent: resync\nid: ${id}\ndata: ${data}\n\n`);
      },
    );

    it("keeps to the topics and the filter of each member, on replay as on live", async () => {
      const id = await channel.send("0");
      const send = async (round: string) => {
        await channel.send(`${round}a`, { topic: "a" });
        await channel.send(`${round}b`, { topic: "b" });
        await channel.send(`${round}c`, { topic: "c" });
        await channel.send(`${round}z`);
      };
      await send("1");
      membership = { topics: ["a", "b"], filter: ({ topic }) => topic !== "b" };
      const [client] = await connect(id);
      await send("2");
      await client.readUntil("data: 2z\n\n");
      const data = [...client.text.matchAll(/^data: (.+)$/gm)].map(([, each]) => each);
      expect(data).toEqual(["1a", "1z", "2a", "2z"]);
    });

    it("replays as fast as the client reads, which makes no client a slow one", async () => {
      open({ log: new MemoryEventLog({ maxBytes: Infinity }) });
      const block = "x".repeat(65_536);
      const id = await channel.send("0");
      for (let i = 0; i < 100; i++) await channel.send(`${i}${block}`);
      options.maxBufferedAmount = 131_072;
      const [client, events, joined] = await connect(id);
      let most = 0;
      // Looking for the end in all of it would take longer than reading it.
      while (client.text.length < 100 * block.length || !client.text.endsWith("x\n\n")) {
        await client.readChunk();
        most = Math.max(most, events.bufferedAmount);
      }
      expect(await within(joined, "answer of add()")).toBe(true);
      void channel.send("last");
      await client.readUntil("data: last\n\n");
      const starts = [...client.text.matchAll(/data: (\d+)x/g)].map(([, each]) => Number(each));
      expect(starts).toEqual(Array.from({ length: 100 }, (_, i) => i));
      expect(most).toBeLessThanOrEqual(131_072 + 66_000);
    });

    it("has no place for one too many, who is told when to come back", async () => {
      open({ maxEndpoints: 1 });
      const [first] = await connect();
      const [second, events, joined] = await connect();
      expect(second.status).toBe(200);
      expect(await within(joined, "answer of add()")).toBe(false);
      expect(events.closed).toBe(true);
      const [, retry] = /^:\nretry: (\d+)\n\n$/.exec(await second.readAll())!;
      expect(Number(retry)).toBeGreaterThanOrEqual(5_000);
      expect(Number(retry)).toBeLessThanOrEqual(30_000);
      expect(await closes.take()).toMatchObject({ code: "channel-full", wasClean: true });
      void channel.send("still here");
      await first.readUntil("still here");
    });

    it("ends everybody when it closes, each with another time to come back", async () => {
      const clients = [await connect(), await connect(), await connect(), await connect()];
      void channel.send("last");
      await within(channel.close({ spread: [2_000, 6_000] }), "end of close()");
      const retries: number[] = [];
      for (const [client] of clients) {
        const text = await client.readAll();
        const [, retry] = /data: last\n\nretry: (\d+)\n\n$/.exec(text)!;
        retries.push(Number(retry));
        expect(await closes.take()).toMatchObject({ code: "closed", wasClean: true });
      }
      expect(retries.map((retry) => Math.floor((retry - 2_000) / 1_000.25))).toEqual([0, 1, 2, 3]);
      const [late, , joined] = await connect();
      expect(await within(joined, "answer of add()")).toBe(false);
      expect(await late.readAll()).toMatch(/^:\nretry: [2-6]\d\d\d\n\n$/);
      await expect(channel.send("x")).rejects.toMatchObject({ code: "channel-closed" });
    });

    it("lets a member be closed for good without harm to those with the same id", async () => {
      const [client, events] = await connect();
      const [other] = await connect();
      const id = await channel.send("x");
      void events.close(true);
      const text = await client.readAll();
      const [, closingId] = /event: close\nid: (\S+)\ndata: \n\n$/.exec(text)!;
      expect(await closes.take()).toMatchObject({ code: "no-reconnect" });
      await other.readUntil(`id: ${id}\n`);
      const [again, , joined] = await connect(id);
      expect(again.status).toBe(200);
      expect(await within(joined, "answer of add()")).toBe(true);
      const [refused, , refusal] = await connect(closingId);
      expect(refused.status).toBe(204);
      expect(await within(refusal, "answer of add()")).toBe(false);
    });

    it("can stop everybody for good", async () => {
      const [client] = await connect();
      await channel.send("x");
      await within(channel.close({ noReconnect: true }), "end of close()");
      const [, closingId] = /event: close\nid: (\S+)\nretry: \d+\ndata: \n\n$/.exec(
        await client.readAll(),
      )!;
      const [refused] = await connect(closingId);
      expect(refused.status).toBe(204);
    });

    it("sends ids as they are given, if it has no log", async () => {
      open({ log: false });
      const [client, events, joined] = await connect("41");
      expect(await within(joined, "answer of add()")).toBe(true);
      await channel.send("1", "42");
      await channel.send("2");
      await client.readUntil("data: 2\n\n");
      expect(client.text).toBe(":\nid: 42\ndata: 1\n\ndata: 2\n\n");
      expect(events.lastEventId).toBe("42");
    });
  });
}
