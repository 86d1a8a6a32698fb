import { describe, expect, it } from "vitest";
import { acceptsEventStream, readLastEventId } from "../../src/core/request.ts";

const latin1 = (text: string) => Buffer.from(text).toString("latin1");

function read(header: string | undefined, url = "/", useParams = true): string {
  return readLastEventId({ method: "GET", url, header: () => header }, useParams);
}

describe("readLastEventId", () => {
  it.each<[name: string, header: string | undefined, id: string]>([
    ["ASCII as it is", "41-7", "41-7"],
    ["UTF-8 that the runtime decoded as latin1, like Node", latin1("é…日😀"), "é…日😀"],
    ["UTF-8 that the runtime decoded, like workerd", "é…日😀", "é…日😀"],
    ["one byte that is no UTF-8, as clients in Node send it", "caf\xe9", "café"],
    ["nothing as none", undefined, ""],
    ["an empty header as none", "", ""],
    ["1024 bytes", "x".repeat(1024), "x".repeat(1024)],
    ["1025 bytes as none", "x".repeat(1025), ""],
    ["64 KiB as none", "x".repeat(65_536), ""],
    ["513 characters of two bytes as none", latin1("é".repeat(513)), ""],
    ["an escape sequence as none", "\x1b[31m7", ""],
    ["NUL as none", "7\0", ""],
    ["a folded line as none", "7\r\n x", ""],
  ])("takes %s", (_name, header, id) => {
    expect(read(header)).toBe(id);
  });

  it.each(["lastEventId", "last_event_id", "Last-Event-ID", "evs_last_event_id"])(
    "finds the parameter %s of polyfills, decoded",
    (name) => {
      expect(read(undefined, `/stream?a=1&${name}=%C3%A9%2B7&b=2`)).toBe("é+7");
      expect(read(undefined, `https://example.com/stream?${name}=7#top`)).toBe("7");
    },
  );

  it("prefers the header, then the parameters in their order", () => {
    const url = "/?evs_last_event_id=4&last_event_id=2&lastEventId=1";
    expect(read("0", url)).toBe("0");
    expect(read(undefined, url)).toBe("1");
  });

  it("goes on to the parameters when the header is malformed", () => {
    expect(read("\x1b", "/?lastEventId=1")).toBe("1");
  });

  it.each([
    "/?lastEventId=%0Aevil",
    "/?lastEventId=%00",
    "/?lastEventId=%20",
    "/?lastEventId",
    "/?",
  ])("takes %s for none", (url) => {
    expect(read(undefined, url)).toBe("");
  });

  it("ignores parameters when told to", () => {
    expect(read(undefined, "/?lastEventId=1", false)).toBe("");
    expect(read("7", "/?lastEventId=1", false)).toBe("7");
  });
});

describe("acceptsEventStream", () => {
  it.each<[accept: string | undefined, accepted: boolean]>([
    [undefined, true],
    ["", true],
    ["*/*", true],
    ["text/event-stream", true],
    ["Text/Event-Stream", true],
    ["text/*", true],
    ["application/json, text/event-stream", true],
    ["text/event-stream;charset=utf-8", true],
    ["text/event-stream; q=0.1", true],
    ["text/html, application/xhtml+xml, */*;q=0.8", true],
    ["application/json", false],
    ["text/html", false],
    ["text/event-stream;q=0", false],
    ["text/event-stream;q=0.000", false],
    ["text/event-stream ; Q=0.0", false],
    ["text/event-stream;q=0, */*", false],
    ["*/*, text/event-stream;q=0", false],
    ["text/*;q=0, */*", false],
    ["text/*;q=0, text/event-stream", true],
    ["*/*;q=0", false],
    ["text/event-streams", false],
    ["constructor", false],
    [",,,", false],
  ])("Accept: %s is answered with %s", (accept, accepted) => {
    expect(acceptsEventStream(accept)).toBe(accepted);
  });
});
