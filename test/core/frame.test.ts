import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatComment,
  formatMessage,
  formatRetry,
  readFields,
  readRetry,
  serializeData,
} from "../../src/core/frame.ts";
import { parsers } from "../support/parsers.ts";
import { reportProgress } from "../support/progress.ts";
import { hostileText, normalizeData, runsOf, toWellFormed } from "../support/seed.ts";

const frame = (data: string, fields?: unknown) => formatMessage(data, readFields(fields));

describe("formatMessage", () => {
  it.each<[name: string, data: string, fields: unknown, text: string]>([
    ["data alone", "hello", undefined, "data: hello\n\n"],
    ["empty data, which is an event", "", undefined, "data: \n\n"],
    ["a leading space, of which the client removes one", " x", undefined, "data:  x\n\n"],
    ["LF", "a\nb", undefined, "data: a\ndata: b\n\n"],
    ["CR", "a\rb", undefined, "data: a\ndata: b\n\n"],
    ["CRLF as one line break", "a\r\nb", undefined, "data: a\ndata: b\n\n"],
    ["LF CR as two line breaks", "a\n\rb", undefined, "data: a\ndata: \ndata: b\n\n"],
    ["a trailing line break", "a\n", undefined, "data: a\ndata: \n\n"],
    ["only line breaks", "\n\n", undefined, "data: \ndata: \ndata: \n\n"],
    [
      "other separators, which are none",
      "a\u2028\u2029\u0085\v\fb",
      undefined,
      "data: a\u2028\u2029\u0085\v\fb\n\n",
    ],
    [
      "data that looks like fields",
      "id: 1\nevent: x",
      undefined,
      "data: id: 1\ndata: event: x\n\n",
    ],
    ["NUL in data, which is legal there", "a\0b", undefined, "data: a\0b\n\n"],
    [
      "replacement patterns, which are data",
      "$& $1 $$\n$`",
      undefined,
      "data: $& $1 $$\ndata: $`\n\n",
    ],
    ["an id", "x", "7", "id: 7\ndata: x\n\n"],
    ["the id 0", "x", { id: "0" }, "id: 0\ndata: x\n\n"],
    ["a number as id", "x", { id: 0 }, "id: 0\ndata: x\n\n"],
    ["an empty id, which resets the client", "x", "", "id: \ndata: x\n\n"],
    ["null as no id", "x", { id: null }, "data: x\n\n"],
    ["null as no fields", "x", null, "data: x\n\n"],
    ["an id with spaces and a colon inside", "x", "a: b", "id: a: b\ndata: x\n\n"],
    ["an id outside ASCII", "x", "é…日", "id: é…日\ndata: x\n\n"],
    ["a lone surrogate in an id", "x", "a\ud800", "id: a\ufffd\ndata: x\n\n"],
    ["an event type", "x", { event: "tick" }, "event: tick\ndata: x\n\n"],
    ["an empty event type, which is none", "x", { event: "" }, "data: x\n\n"],
    ["null as no event type", "x", { event: null }, "data: x\n\n"],
    ["an event type with a leading space", "x", { event: " a" }, "event:  a\ndata: x\n\n"],
    ["retry", "x", { retry: 1500 }, "retry: 1500\ndata: x\n\n"],
    ["retry 0", "x", { retry: 0 }, "retry: 0\ndata: x\n\n"],
    ["retry -0", "x", { retry: -0 }, "retry: 0\ndata: x\n\n"],
    ["the largest retry", "x", { retry: 2147483647 }, "retry: 2147483647\ndata: x\n\n"],
    ["null as no retry", "x", { retry: null }, "data: x\n\n"],
    [
      "everything",
      "a\nb",
      { id: "1", event: "e", retry: 2 },
      "event: e\nid: 1\nretry: 2\ndata: a\ndata: b\n\n",
    ],
    [
      "an object's string, asked for once",
      "x",
      { id: { toString: () => "7" } },
      "id: 7\ndata: x\n\n",
    ],
    ["a String object as id", "x", new String("7"), "id: 7\ndata: x\n\n"],
  ])("writes %s", (_name, data, fields, text) => {
    expect(frame(data, fields)).toBe(text);
  });

  it("accepts an id of 1024 bytes", () => {
    expect(frame("", "é".repeat(512))).toContain("é".repeat(512));
  });
});

describe("formatComment and formatRetry", () => {
  it.each([
    ["text", "hello", ": hello\n"],
    ["nothing", "", ": \n"],
    ["every kind of line break", "a\nb\rc\r\nd", ": a\n: b\n: c\n: d\n"],
    ["something like an event", "\n\ndata: x\n\n", ": \n: \n: data: x\n: \n: \n"],
    ["a number", 7, ": 7\n"],
  ])("a comment of %s stays a comment", (_name, comment, text) => {
    expect(formatComment(comment)).toBe(text);
  });

  it("a retry frame is complete by itself, for clients that take it at the blank line", () => {
    expect(formatRetry(20)).toBe("retry: 20\n\n");
  });
});

describe("what could not arrive as it was given is refused", () => {
  const changing = () => {
    let asked = 0;
    return { toString: () => (asked++ === 0 ? "fine" : "7\nevent: admin") };
  };

  it.each<[name: string, fields: unknown, argument: string]>([
    ["LF in an id", "7\nevent: admin", "id"],
    ["CR in an id", "7\revent: admin", "id"],
    ["CRLF in an id", { id: "7\r\n\r\ndata: forged" }, "id"],
    ["NUL in an id, which clients ignore", "7\0", "id"],
    ["a control character in an id, which servers refuse", "7\x1b", "id"],
    ["DEL in an id", "7\x7f", "id"],
    ["a leading space in an id, which HTTP drops", " 7", "id"],
    ["a trailing tab in an id", "7\t", "id"],
    ["a BOM at the edge of an id", "\ufeff7", "id"],
    ["an id over 1 KiB", "x".repeat(1025), "id"],
    ["an id over 1 KiB of UTF-8", "日".repeat(342), "id"],
    ["a symbol as id", { id: Symbol("7") }, "id"],
    ["a symbol instead of fields", Symbol("7"), "id"],
    ["an array that joins to two lines", { id: ["7\nevent: admin"] }, "id"],
    ["an object whose string has two lines", { id: { toString: () => "7\n8" } }, "id"],
    ["an object that has no string", { id: Object.create(null) as unknown }, "id"],
    [
      "a function that is its source, of two lines",
      { id: Object.assign(() => 1, { toString: () => "() =>\n1" }) },
      "id",
    ],
    ["LF in an event type", { event: "x\ndata: forged" }, "event"],
    ["CR in an event type", { event: "x\rdata: forged" }, "event"],
    ["two line breaks in an event type", { event: "x\n\ndata: forged" }, "event"],
    ["NUL in an event type", { event: "x\0" }, "event"],
    ["a symbol as event type", { event: Symbol("x") }, "event"],
    ["a fraction as retry", { retry: 1.5 }, "retry"],
    ["a negative retry", { retry: -1 }, "retry"],
    ["a retry of NaN", { retry: NaN }, "retry"],
    ["an infinite retry", { retry: Infinity }, "retry"],
    ["a retry that Firefox wraps", { retry: 2 ** 31 }, "retry"],
    ["a string as retry", { retry: "1000" }, "retry"],
    ["a string with a line break as retry", { retry: "1000\ndata: forged" }, "retry"],
    ["an object as retry", { retry: { valueOf: () => 1000 } }, "retry"],
    ["a bigint as retry", { retry: 1000n }, "retry"],
  ])("%s", (_name, fields, argument) => {
    expect(() => frame("x", fields)).toThrow(TypeError);
    expect(() => frame("x", fields)).toThrow(`"${argument}"`);
  });

  it("an object is asked for its string once, so it cannot change its mind", () => {
    expect(frame("x", { id: changing() })).toBe("id: fine\ndata: x\n\n");
    expect(frame("x", { event: changing() })).toBe("event: fine\ndata: x\n\n");
  });

  it("a getter is read once", () => {
    let reads = 0;
    const fields = {
      get id() {
        return reads++ === 0 ? "fine" : "7\nevent: admin";
      },
    };
    expect(frame("x", fields)).toBe("id: fine\ndata: x\n\n");
    expect(reads).toBe(1);
  });

  it("the error quotes the value, not all of a long one", () => {
    expect(() => frame("x", "7\nevent: admin")).toThrow('got "7\\nevent: admin"');
    expect(() => frame("x", "\n".repeat(10_000))).toThrow(/^.{50,300}$/);
  });

  it("a reconnection time is called what its caller calls it", () => {
    expect(() => readRetry("reconnectionTime", -1)).toThrow('"reconnectionTime"');
  });
});

describe("serializeData", () => {
  it("leaves strings alone and asks the serializer for everything else", () => {
    const serialize = (data: unknown) => JSON.stringify(data);
    expect(serializeData('"x"', serialize)).toBe('"x"');
    expect(serializeData(null, serialize)).toBe("null");
    expect(serializeData({ a: [1] }, serialize)).toBe('{"a":[1]}');
  });

  const circular: { self?: unknown } = {};
  circular.self = circular;
  it.each<[name: string, data: unknown, serialize?: (data: unknown) => unknown]>([
    ["undefined", undefined],
    ["a function", () => 1],
    ["a symbol", Symbol("x")],
    ["a bigint", 1n],
    ["a circle", circular],
    [
      "what its serializer throws at",
      1,
      () => {
        throw new RangeError("no");
      },
    ],
    ["what its serializer makes a promise of", 1, async () => "x"],
  ])("refuses %s, naming the argument", (_name, data, serialize = JSON.stringify) => {
    expect(() => serializeData(data, serialize)).toThrow(TypeError);
    expect(() => serializeData(data, serialize)).toThrow('"data"');
  });
});

describe.each(Object.entries(parsers))("one call is one event to %s", (name, parse) => {
  const numRuns = runsOf("frames");
  const timeout = 20_000 + numRuns * 2;
  const nonce = { type: "nonce", data: "nonce", lastEventId: "nonce" };
  const nonceFrame = frame("nonce", { id: "nonce", event: "nonce" });
  const messages = fc.record({
    data: hostileText,
    id: fc.option(hostileText),
    event: fc.option(hostileText),
    retry: fc.option(fc.oneof(fc.nat(), fc.double(), hostileText)),
  });

  it("or it throws, and nothing of it is written", { timeout }, async () => {
    const progress = reportProgress(`messages to ${name}`, numRuns);
    await fc.assert(
      fc.asyncProperty(messages, fc.array(fc.nat(200)), async ({ data, ...fields }, cuts) => {
        let text = "";
        try {
          text = frame(data, fields);
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError);
        }
        const { events, retries } = await parse(cut(nonceFrame + text + nonceFrame, cuts));
        const sent = {
          // An empty type and an absent one mean the same.
          type: fields.event ? toWellFormed(fields.event) : "message",
          data: normalizeData(data),
          lastEventId: fields.id === null ? "nonce" : toWellFormed(fields.id),
        };
        expect(events).toEqual(text === "" ? [nonce, nonce] : [nonce, sent, nonce]);
        // What was accepted is an integer; -0 is written as 0.
        const accepted = text !== "" && fields.retry !== null;
        expect(retries).toEqual(accepted ? [Number(fields.retry) + 0] : []);
        progress();
      }),
      { numRuns },
    );
  });

  it("and a comment is none", { timeout }, async () => {
    const progress = reportProgress(`comments to ${name}`, numRuns);
    await fc.assert(
      fc.asyncProperty(hostileText, fc.array(fc.nat(200)), async (comment, cuts) => {
        const text = nonceFrame + formatComment(comment) + nonceFrame;
        const { events, retries } = await parse(cut(text, cuts));
        expect(events).toEqual([nonce, nonce]);
        expect(retries).toEqual([]);
        progress();
      }),
      { numRuns },
    );
  });
});

/** Cuts the bytes of a text at the given places, also inside a character or a line break. */
function cut(text: string, places: number[]): Uint8Array[] {
  const bytes = Buffer.from(text);
  const chunks: Uint8Array[] = [];
  let start = 0;
  for (const place of [...places].sort((a, b) => a - b)) {
    if (place <= start || place >= bytes.length) continue;
    chunks.push(bytes.subarray(start, place));
    start = place;
  }
  chunks.push(bytes.subarray(start));
  return chunks;
}
