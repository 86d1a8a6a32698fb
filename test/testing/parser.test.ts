import { createParser } from "eventsource-parser";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventStreamParser, type ParsedEvent } from "../../src/testing/parser.ts";
import { hostileText } from "../support/seed.ts";

/** What the parser makes of a text that comes in these pieces. */
function parse(...pieces: string[]): ParsedEvent[] {
  const events: ParsedEvent[] = [];
  const parser = new EventStreamParser((event) => events.push(event));
  for (const piece of pieces) parser.push(piece);
  return events;
}

/** An event as most are. */
function message(data: string, others: Partial<ParsedEvent> = {}): ParsedEvent {
  return { event: "message", data, id: "", retry: undefined, ...others };
}

/** What a parser that nobody here wrote makes of the same. */
function parseElsewhere(...pieces: string[]): ParsedEvent[] {
  const events: ParsedEvent[] = [];
  let lastId = "";
  let retry: number | undefined;
  const parser = createParser({
    onEvent: ({ event = "message", data, id = lastId }) => {
      lastId = id;
      events.push({ event, data, id, retry });
    },
    onRetry: (ms) => (retry = ms),
  });
  for (const piece of pieces) parser.feed(piece);
  return events;
}

const value = hostileText.map((text) => text.replace(/[\r\n]/g, ""));
const line = fc.oneof(
  ...["data", "event", "id", "retry", "Data", "data ", "", "\ufeffdata"].map((name) =>
    fc
      .tuple(fc.constantFrom(":", ": ", ":  ", ""), value)
      .map(([colon, rest]) => (colon ? `${name}${colon}${rest}` : name)),
  ),
  fc.constantFrom("retry: 0", "retry:1500", "retry: 007", "retry: 1.5", "retry: ٣", "retry: -1"),
  value,
);
const end = fc.constantFrom("\n", "\r", "\r\n");
/** An empty line would end the event. The other parser forgets an id that comes without data, so there is always some. */
const frame = fc
  .tuple(fc.array(fc.tuple(line, end), { maxLength: 5 }), end, end)
  .map(([lines, dataEnd, blankEnd]) => {
    const text = lines.map(([content, lineEnd]) => `${content || ":"}${lineEnd}`).join("");
    return `${text}data${dataEnd}${blankEnd}`;
  });
/** And it waits for what follows a last CR, and leaves the byte order mark to its callers. */
const stream = fc.array(frame, { maxLength: 4 }).map((frames) => `:\n${frames.join("")}:`);

/** A text in pieces of any length. */
function cut(text: string, places: readonly number[]): string[] {
  const sorted = places.map((place) => place % (text.length + 1)).sort((a, b) => a - b);
  return [...sorted, text.length].map((to, i) => text.slice(i === 0 ? 0 : sorted[i - 1], to));
}

describe("the parser", () => {
  it("makes of any stream, however it is cut, what another parser makes of it", () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(), { maxLength: 8 }), (text, places) => {
        const expected = parseElsewhere(text);
        expect(parse(text)).toEqual(expected);
        expect(parse(...cut(text, places))).toEqual(expected);
        expect(parse(...text.split(""))).toEqual(expected);
      }),
    );
  });

  it("makes the same of a stream wherever it is cut in two", () => {
    const text =
      "retry: 5\r\n\r\nevent: a\rid: 1\rdata: é\rdata: 日\r\r\n\ndata: x\n\r\nid\ndata\r\rdata: y\r\n\r\n";
    const expected = [
      message("é\n日", { event: "a", id: "1", retry: 5 }),
      message("x", { id: "1", retry: 5 }),
      message("", { id: "", retry: 5 }),
      message("y", { id: "", retry: 5 }),
    ];
    for (let place = 0; place <= text.length; place++) {
      expect(parse(text.slice(0, place), text.slice(place)), `cut at ${place}`).toEqual(expected);
    }
    expect(parse(...text.split(""))).toEqual(expected);
  });

  it.each<[string, string, ParsedEvent[]]>([
    ["one space after the colon, and no more", "data:  x\ndata:\ty\n\n", [message(" x\n\ty")]],
    ["a field without a colon", "data\nevent\n\n", [message("")]],
    [
      "the last type of an event, if it is not empty",
      "event: a\nevent: b\ndata: x\n\n",
      [message("x", { event: "b" })],
    ],
    ["the type message for an empty one", "event: a\nevent:\ndata: x\n\n", [message("x")]],
    [
      "comments, and fields that nobody knows",
      ": x\n:\nfoo: bar\nDATA: y\n data: z\ndata: x\n\n",
      [message("x")],
    ],
    [
      "an event without data, which is none",
      "event: a\nid: 7\n\ndata: x\n\n",
      [message("x", { id: "7" })],
    ],
    [
      "an id until there is another",
      "id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n",
      [message("a", { id: "1" }), message("b", { id: "1" }), message("c")],
    ],
    [
      "an id with NUL, which is ignored",
      "id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n",
      [message("a", { id: "1" }), message("b", { id: "1" })],
    ],
    ["an id with whatever else", "id:  é:\t1 \ndata: a\n\n", [message("a", { id: " é:\t1 " })]],
    [
      "a retry that is digits",
      "retry: 010\ndata: a\n\nretry:0\n\ndata: b\n\n",
      [message("a", { retry: 10 }), message("b", { retry: 0 })],
    ],
    [
      "no other retry",
      "retry: 1\nretry: -2\nretry: 3.0\nretry: 4e1\nretry: ٥\nretry:  6\nretry:\ndata: a\n\n",
      [message("a", { retry: 1 })],
    ],
    [
      "a byte order mark at the beginning, once",
      "\ufeffdata: a\n\n\ufeffdata: b\n\ndata: c\n\n",
      [message("a"), message("c")],
    ],
    ["what is complete, and no more", "data: a\n\ndata: b\n", [message("a")]],
    ["blank lines between events", "\n\r\n\rdata: a\n\n\n\n\n", [message("a")]],
    [
      "line breaks of other scripts, which are none",
      "data: a\u2028b\u0085c\vd\n\n",
      [message("a\u2028b\u0085c\vd")],
    ],
  ])("knows %s", (_, text, events) => {
    expect(parse(text)).toEqual(events);
    expect(parse(...text.split(""))).toEqual(events);
  });

  it("does not take pieces without text for a beginning, nor for an end", () => {
    expect(parse("", "\ufeff", "", "data: a\r", "", "\n", "", "\n")).toEqual([message("a")]);
  });

  it("begins with the id that the client has", () => {
    const events: ParsedEvent[] = [];
    const parser = new EventStreamParser((event) => events.push(event), "41");
    parser.push("data: a\n\nid: 42\ndata: b\n\n");
    expect(events.map(({ id }) => id)).toEqual(["41", "42"]);
  });

  it("takes a line that comes in many pieces without looking at all of it each time", () => {
    const pieces = Array.from({ length: 20_000 }, () => "x".repeat(500));
    expect(parse("data: ", ...pieces, "\n\n")).toEqual([message("x".repeat(10_000_000))]);
  });
});
