import { describe, expect, it } from "vitest";
import { createChunks, createMixedEvents, createMultiLineEvents } from "../../bench/fixtures.js";
import { FrameCounter } from "../../bench/frame-counter.js";
import { compare, median, summarize } from "../../bench/measure.js";
import { createRandom, shuffle } from "../../bench/random.js";
import { readReceived } from "../../bench/received.js";

const isAscii = (text: string) => Buffer.byteLength(text) === text.length;
const share = <T>(items: T[], test: (item: T) => boolean) =>
  items.filter((item) => test(item)).length / items.length;

describe("the payloads of the benchmarks", () => {
  it.each([
    ["chunks", createChunks],
    ["mixed events", createMixedEvents],
    ["events of several lines", createMultiLineEvents],
  ])("are the same for the same seed, and others for another: %s", (_name, create) => {
    expect(create(7, 100)).toEqual(create(7, 100));
    expect(create(8, 100)).not.toEqual(create(7, 100));
  });

  it("have the size that is asked for, to the byte, if they are chunks", () => {
    for (const bytes of [160, 200, 1000]) {
      const sizes = createChunks(1, 500, bytes).map((chunk) => Buffer.byteLength(chunk));
      expect(new Set(sizes)).toEqual(new Set([bytes]));
    }
  });

  it("are JSON of one line, every one another, every eighth not ASCII, if they are chunks", () => {
    const chunks = createChunks(1, 2000);
    expect(new Set(chunks).size).toBe(2000);
    expect(share(chunks, isAscii)).toBe(7 / 8);
    for (const chunk of chunks) {
      expect(chunk).not.toMatch(/[\r\n]/);
      expect(JSON.parse(chunk)).toHaveProperty("choices.0.delta.content");
    }
  });

  it("are tokens, chunks and documents in the shares that are claimed, if they are mixed", () => {
    const events = createMixedEvents(1, 8000);
    const sizes = events.map(({ data }) => Buffer.byteLength(data));
    const within = (least: number, most: number) =>
      share(sizes, (size) => size >= least && size <= most);
    expect(within(8, 40)).toBeCloseTo(0.45, 1);
    expect(within(200, 200)).toBeCloseTo(0.45, 1);
    expect(within(1000, 3000)).toBeCloseTo(0.1, 1);
    expect(within(8, 40) + within(200, 200) + within(1000, 3000)).toBe(1);
    expect(share(events, ({ data }) => isAscii(data))).toBe(7 / 8);
    expect(share(events, ({ data }) => /[\r\n]/.test(data))).toBe(0);
    expect(share(events, ({ fields }) => typeof fields === "object")).toBeCloseTo(0.25, 1);
  });

  it("have one to eight line breaks and are otherwise the mixed ones, if of several lines", () => {
    const multiLine = createMultiLineEvents(3, 500);
    expect(
      multiLine.map(({ data, fields }) => ({ data: data.replaceAll("\n", " "), fields })),
    ).toEqual(createMixedEvents(3, 500));
    for (const { data } of multiLine) {
      const breaks = data.split("\n").length - 1;
      expect(breaks).toBeGreaterThanOrEqual(1);
      expect(breaks).toBeLessThanOrEqual(8);
    }
  });
});

describe("the reader of the benchmarks", () => {
  const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
  const frames = ["id: 0\ndata: a\n\n", "id:1\nevent:message\ndata:b\n\n", "data: ü\n\n"];
  const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
  const plain = Buffer.from(`${head}\r\n${frames.join("")}`);
  const chunked = Buffer.from(
    `${head}Transfer-Encoding: chunked\r\n\r\n${chunk(":\n")}${frames.map(chunk).join("")}`,
  );

  const count = (parts: Uint8Array[]) => {
    const counter = new FrameCounter();
    const sum = parts.reduce((total, part) => total + counter.push(part), 0);
    expect(sum).toBe(counter.count);
    return sum;
  };

  it.each([
    ["without chunked coding", plain],
    ["with chunked coding", chunked],
  ])("counts every frame once, wherever the bytes are cut in three: %s", (_name, bytes) => {
    for (let first = 0; first <= bytes.length; first++) {
      for (let second = first; second <= bytes.length; second++) {
        const parts = [
          bytes.subarray(0, first),
          bytes.subarray(first, second),
          bytes.subarray(second),
        ];
        expect(count(parts)).toBe(3);
      }
    }
  });

  it("counts every frame once when the bytes come one by one", () => {
    expect(count([...chunked].map((byte) => Uint8Array.of(byte)))).toBe(3);
  });

  it("does not count what lies in the buffer behind the bytes that came", () => {
    expect(new FrameCounter().push(Buffer.from("data: a\n\ndata: b\n\n"), 9)).toBe(1);
  });

  it("does not count a frame that has not ended", () => {
    expect(count([Buffer.from("data: a\n\ndata: b\n")])).toBe(1);
  });

  it.each([
    ["without chunked coding", plain],
    ["with chunked coding", chunked],
  ])("reads what was sent: %s", (_name, bytes) => {
    expect(readReceived(bytes)).toEqual([
      { id: "0", event: undefined, data: "a" },
      { id: "1", event: "message", data: "b" },
      { id: undefined, event: undefined, data: "ü" },
    ]);
  });

  it("reads only events that have ended, wherever the bytes stop", () => {
    const all = readReceived(chunked);
    for (let length = 0; length < chunked.length; length++) {
      const some = readReceived(chunked.subarray(0, length));
      expect(some).toEqual(all.slice(0, some.length));
    }
  });

  it("refuses an answer that is no stream", () => {
    const answer = Buffer.from("HTTP/1.1 406 Not Acceptable\r\n\r\n");
    expect(() => readReceived(answer)).toThrow("406");
  });
});

describe("the statistics of the benchmarks", () => {
  it("shuffle to the same order for the same seed, and lose nobody", () => {
    const names = ["a", "b", "c", "d", "e", "f"];
    expect(shuffle(createRandom(1), names)).toEqual(shuffle(createRandom(1), names));
    expect(shuffle(createRandom(1), names)).not.toEqual(shuffle(createRandom(2), names));
    expect(shuffle(createRandom(1), names).sort()).toEqual(names);
  });

  it("take the middle, or the mean of the two in the middle", () => {
    expect(median([3, 1, 20])).toBe(3);
    expect(median([4, 1, 2, 30])).toBe(3);
  });

  it("compare within each round, so that a slow round is slow for both", () => {
    const rounds = (...costs: number[]) => costs.map((cost) => ({ cost, shared: false }));
    const comparison = compare(rounds(2, 20, 2), rounds(4, 40, 4));
    expect(comparison).toEqual({ ratio: 0.5, sure: true });
  });

  it("leave out what was measured on a shared core, unless there is nothing else", () => {
    const shared = { cost: 1, shared: true, readerShare: 0 };
    const alone = { cost: 8, shared: false, readerShare: 0 };
    expect(summarize([shared, alone, shared])).toMatchObject({ cost: 8, sharedRounds: 2 });
    expect(summarize([shared])).toMatchObject({ cost: 1, sharedRounds: 1 });
    const four = [alone, alone, alone, alone];
    expect(compare([shared, alone, alone, alone], four)).toEqual({ ratio: 1, sure: true });
    expect(compare([shared, shared, alone, alone], four)).toEqual({ ratio: 1, sure: false });
    expect(compare([shared, shared, shared, shared], four)).toEqual({ ratio: 1 / 8, sure: false });
  });
});
