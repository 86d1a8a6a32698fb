import { randomUUID } from "node:crypto";
import { describe, expect, it, type TestContext } from "vitest";
import type { EventEndpoint } from "../../src/index.ts";
import { within } from "../support/inbox.ts";
import {
  type ServerKind,
  startStoryServer,
  type StoryServer,
  type Visit,
} from "../support/story-server.ts";
import { MESSAGES } from "./messages.ts";

/** What an `EventSource` told its page. */
export interface Happening {
  readonly type: string;
  readonly readyState: number;
  /** Of messages. */
  readonly data?: string;
  readonly lastEventId?: string;
}

/** One `EventSource`, wherever it is. */
export interface Source {
  /** What it told next; fails if that is nothing. */
  next(): Promise<Happening>;
  close(): Promise<void>;
}

/** A make of `EventSource`. */
export interface Client {
  /** Makes one that listens to "open", "error", "message" and these types. */
  connect(url: string, types: readonly string[]): Promise<Source>;
  /** Whether an id outside ASCII can come back from it. */
  readonly returnsAnyId: boolean;
}

interface Joined {
  readonly source: Source;
  readonly visit: Visit;
}

const CONNECTING = 0;
const OPEN = 1;
const CLOSED = 2;

/** Some wait for 3 s otherwise, and Firefox never for less than half a second. */
const reconnectionTime = 20;

const STRANGE_TYPE = "ünïcode: a type, with spaces ";
const TYPES = ["close", "tick", STRANGE_TYPE];

/** What every `EventSource` has to go through, with each kind of server. */
export function tellStory(client: Client, kinds: readonly ServerKind[]): void {
  // Most of the time all of them wait: Firefox never reconnects before half a second is over.
  describe.concurrent.each(kinds)("with %s", (kind) => {
    /** A server, a client that is open, and its visit. */
    const start = async ({ onTestFinished }: TestContext) => {
      const server = await startStoryServer(kind, { reconnectionTime });
      const sources: Source[] = [];
      onTestFinished(async () => {
        await Promise.all(sources.map((source) => source.close()));
        await server.close();
      });
      const join = async (path: string): Promise<Joined> => {
        const connect = async () => {
          const source = await client.connect(server.origin + path, TYPES);
          sources.push(source);
          return source;
        };
        const [source, visit] = await Promise.all([connect(), server.nextVisit()]);
        expect(await source.next()).toEqual({ type: "open", readyState: OPEN });
        return { source, visit };
      };
      return { server, join, ...(await join("/events/story")) };
    };

    /** Sends an event and sees it arrive: then the client has the `retry` before it, too. */
    const deliver = async (source: Source, events: EventEndpoint, id?: string) => {
      void events.send("delivered", id);
      expect(await source.next()).toMatchObject({
        type: "message",
        data: "delivered",
        ...(id !== undefined && { lastEventId: id }),
      });
    };

    const expectReconnect = async (source: Source, at: StoryServer) => {
      expect(await source.next()).toEqual({ type: "error", readyState: CONNECTING });
      return at.nextVisit();
    };

    /**
     * It made these two requests, and now it is over. Not by waiting: a later client that waits as
     * long for its reconnect is back, so this one would have been, too.
     */
    const expectStayAway = async (at: StoryServer, join: (path: string) => Promise<Joined>) => {
      const later = await join("/events/later");
      await deliver(later.source, later.visit.events);
      void later.visit.events.close();
      const again = await expectReconnect(later.source, at);
      expect(again.path).toBe("/events/later");
      expect(await later.source.next()).toMatchObject({ type: "open" });
      expect(at.visitsTo("/events/story").map((visit) => visit.status)).toEqual([200, 204]);
    };

    it("opens before anything is sent, and asks for an event stream", async (test) => {
      const { visit } = await start(test);
      expect(visit).toMatchObject({ method: "GET", sentId: undefined, status: 200 });
      expect(visit.accept).toBe("text/event-stream");
      expect(visit.httpVersion).toBe(kind.startsWith("h2") ? "2.0" : "1.1");
      expect(visit.events.lastEventId).toBe("");
    });

    it("gets every message as it was sent, in order", async (test) => {
      const { source, visit } = await start(test);
      for (const [sent] of MESSAGES) void visit.events.send(sent);
      for (const [sent, received = sent] of MESSAGES) {
        expect(await source.next()).toEqual({
          type: "message",
          readyState: OPEN,
          data: received,
          lastEventId: "",
        });
      }
    });

    it("gets named events under their names, and nowhere else", async (test) => {
      const { source, visit } = await start(test);
      void visit.events.sendEvent("unheard", "by nobody");
      void visit.events.sendEvent("tick", { at: 1 });
      void visit.events.sendEvent(STRANGE_TYPE, "");
      visit.events.dispatchComment("no event\nat all");
      void visit.events.sendEvent("message", "by name");
      expect(await source.next()).toMatchObject({ type: "tick", data: '{"at":1}' });
      expect(await source.next()).toMatchObject({ type: STRANGE_TYPE, data: "" });
      expect(await source.next()).toMatchObject({ type: "message", data: "by name" });
    });

    it("gets the ids of events", async (test) => {
      const { source, visit } = await start(test);
      for (const id of ["0", "1: an id, with spaces", "x".repeat(1024), "grüße-你好"]) {
        await deliver(source, visit.events, id);
        expect(visit.events.lastEventId).toBe(id);
      }
    });

    it('comes back with the id "0" after its connection ended in the middle', async (test) => {
      const { server, source, visit } = await start(test);
      await deliver(source, visit.events, "0");
      server.line.cut("end");
      const again = await expectReconnect(source, server);
      expect(again).toMatchObject({ sentId: "0", status: 200 });
      expect(again.events.lastEventId).toBe("0");
      expect(await source.next()).toMatchObject({ type: "open" });
      await deliver(source, again.events, "1");
    });

    it("comes back with its last id after its connection was reset", async (test) => {
      const { server, source, visit } = await start(test);
      await deliver(source, visit.events, "first");
      await deliver(source, visit.events, "second: 2/3");
      await deliver(source, visit.events);
      server.line.cut("reset");
      const again = await expectReconnect(source, server);
      expect(again).toMatchObject({ sentId: "second: 2/3", status: 200 });
      expect(again.events.lastEventId).toBe("second: 2/3");
    });

    // The clients of Node cannot.
    if (client.returnsAnyId) {
      it("comes back with an id outside ASCII", async (test) => {
        const { server, source, visit } = await start(test);
        await deliver(source, visit.events, "é-你好-👋");
        server.line.cut("end");
        const again = await expectReconnect(source, server);
        expect(again).toMatchObject({ sentId: "é-你好-👋", status: 200 });
        expect(again.events.lastEventId).toBe("é-你好-👋");
      });
    }

    it("comes back after close(), and goes on", async (test) => {
      const { server, source, visit } = await start(test);
      await deliver(source, visit.events, "before");
      await within(visit.events.close(), "end of close()");
      const again = await expectReconnect(source, server);
      expect(again).toMatchObject({ sentId: "before", status: 200 });
      expect(await source.next()).toEqual({ type: "open", readyState: OPEN });
      await deliver(source, again.events, "after");
    });

    it('forgets its id when it gets the id ""', async (test) => {
      const { server, source, visit } = await start(test);
      await deliver(source, visit.events, "to be forgotten");
      await deliver(source, visit.events, "");
      void visit.events.close();
      const again = await expectReconnect(source, server);
      expect(again.sentId).toBeUndefined();
      expect(again.events.lastEventId).toBe("");
    });

    it("is told goodbye by close(true), and is closed after one request answered 204", async (test) => {
      const { server, join, source, visit } = await start(test);
      await deliver(source, visit.events);
      void visit.events.close(true);
      const goodbye = await source.next();
      expect(goodbye).toMatchObject({ type: "close", readyState: OPEN, data: "" });
      const again = await expectReconnect(source, server);
      expect(again).toMatchObject({ sentId: goodbye.lastEventId, status: 204 });
      expect(again.events.closed).toBe(true);
      expect(await source.next()).toEqual({ type: "error", readyState: CLOSED });
      await expectStayAway(server, join);
    });

    it("is closed by its own id when the goodbye never arrived", async (test) => {
      const { server, join, source, visit } = await start(test);
      const id = `goodbye ${randomUUID()}`;
      await deliver(source, visit.events, id);
      server.line.swallow();
      await within(visit.events.close(true), "end of close(true)");
      server.line.cut("reset");
      const again = await expectReconnect(source, server);
      expect(again).toMatchObject({ sentId: id, status: 204 });
      expect(await source.next()).toEqual({ type: "error", readyState: CLOSED });
      await expectStayAway(server, join);
    });

    it("tells the server when it leaves", async (test) => {
      const { source, visit } = await start(test);
      await deliver(source, visit.events);
      const closed = new Promise<string>((resolve) => {
        visit.events.addEventListener("close", ({ code }) => resolve(code));
      });
      await source.close();
      // Chromium sometimes reads on for 5 s, in the hope of an end that spares the connection.
      expect(await within(closed, "close event on the server", 12_000)).toBe("client-left");
      expect(visit.events.closed).toBe(true);
    });
  });
}
