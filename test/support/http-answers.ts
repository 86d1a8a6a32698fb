/** One answer of a server, whole and well formed. */
export interface Answer {
  readonly status: number;
  readonly headers: Map<string, string>;
  readonly body: string;
}

/** What a server said on one connection. */
export interface Answers {
  readonly whole: Answer[];
  /** What is wrong with what follows, if so. */
  readonly fault: string | undefined;
  /** Bytes of an answer that is not whole yet. */
  readonly rest: string;
}

const STATUS_LINE = /^HTTP\/1\.1 (\d{3}) [ -~]*$/;
const HEADER = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ([\t -~\x80-\xff]*)$/;

/**
 * Reads HTTP/1.1 answers from bytes, strictly (RFC 9112).
 *
 * @param methods what was asked for, as far as that is known; the rest is taken for GET
 * @param ended whether the connection is over, which ends a body without a length
 */
export function readAnswers(text: string, methods: readonly string[], ended: boolean): Answers {
  const whole: Answer[] = [];
  let asked = 0;
  for (let rest = text; ;) {
    const done = (fault?: string) => ({ whole, fault, rest });
    const headEnd = rest.indexOf("\r\n\r\n");
    if (headEnd < 0) {
      return done(isHeadStart(rest) ? undefined : `no head: ${JSON.stringify(rest)}`);
    }
    const [statusLine = "", ...lines] = rest.slice(0, headEnd).split("\r\n");
    const status = Number(STATUS_LINE.exec(statusLine)?.[1] ?? NaN);
    const fields = lines.map((line) => HEADER.exec(line));
    if (Number.isNaN(status) || fields.includes(null)) {
      return done(`malformed head: ${JSON.stringify(rest.slice(0, headEnd))}`);
    }
    const headers = new Map(fields.map((field) => [field![1]!.toLowerCase(), field![2]!]));
    const after = rest.slice(headEnd + 4);
    const method = status < 200 ? "" : methods[asked++];
    const isBodiless = status < 200 || status === 204 || status === 304 || method === "HEAD";
    const body = isBodiless ? { text: "", rest: after } : readBody(headers, after, ended);
    if (typeof body === "string") return done(body);
    if (!body) return done();
    whole.push({ status, headers, body: body.text });
    rest = body.rest;
  }
}

function isHeadStart(text: string): boolean {
  const start = "HTTP/1.1 ";
  return start.startsWith(text.slice(0, start.length)) || text.startsWith(start);
}

/** The body, or what is wrong with it; `undefined` as long as it is not whole. */
function readBody(
  headers: Map<string, string>,
  text: string,
  ended: boolean,
): { text: string; rest: string } | string | undefined {
  const length = headers.get("content-length");
  const isChunked = headers.get("transfer-encoding") === "chunked";
  if (length !== undefined && isChunked) return "both a length and chunks";
  if (length !== undefined) {
    if (text.length < Number(length)) return undefined;
    return { text: text.slice(0, Number(length)), rest: text.slice(Number(length)) };
  }
  if (!isChunked) return ended ? { text, rest: "" } : undefined;
  for (let body = "", rest = text; ;) {
    const lineEnd = rest.indexOf("\r\n");
    if (lineEnd < 0) return undefined;
    const size = rest.slice(0, lineEnd);
    if (!/^[0-9a-f]+$/.test(size)) return `no size of a chunk: ${JSON.stringify(size)}`;
    const bytes = parseInt(size, 16);
    const chunkEnd = lineEnd + 2 + bytes;
    if (rest.length < chunkEnd + 2) return undefined;
    if (rest.slice(chunkEnd, chunkEnd + 2) !== "\r\n") return "a chunk of another size";
    body += rest.slice(lineEnd + 2, chunkEnd);
    rest = rest.slice(chunkEnd + 2);
    if (bytes === 0) return { text: body, rest };
  }
}
