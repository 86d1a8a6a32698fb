import fc from "fast-check";

/** What is said on a connection, and how it is left. */
export interface Attack {
  readonly bytes: string;
  /** The methods of the requests in it, for who reads the answers. */
  readonly methods?: readonly string[];
  /** How many answers to wait for before leaving; none by default. */
  readonly answers?: number;
  readonly leave?: "FIN" | "RST";
}

/** A whole request without a body. */
export const get = (target = "/", ...headers: string[]) => request("GET", target, ...headers);

function request(method: string, target: string, ...headers: string[]): string {
  return [`${method} ${target} HTTP/1.1`, "Host: x", ...headers, "", ""].join("\r\n");
}

/** One request that is answered, with one of these. */
const asked = (bytes: string, ...statuses: number[]): [Attack, number[]] => [
  { bytes, answers: 1, methods: [bytes.split(" ", 1)[0]!] },
  statuses,
];

const forged = (expiry: string, tail = "1.2.3.4") => `evt-closed.${expiry}.${tail}`;
const FAR = "zzzzzzzzzz";
const EVERY_BYTE = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
const PARAMS = ["lastEventId", "last_event_id", "Last-Event-ID", "evs_last_event_id"];
const LENGTHS = [0, 1, 63, 64, 65, 1023, 1024, 1025, 4096, 8192, 15_000, 16_384, 32_768, 65_536];

/** Requests by what is odd about them; each with the statuses that it may be answered with. */
export const TABLE: Record<string, [Attack, number[]][]> = {
  "a Last-Event-ID of any length": LENGTHS.flatMap((length) => {
    const id = "i".repeat(length);
    const statuses = length <= 4096 ? [200] : [200, 431];
    return [
      asked(get("/", `Last-Event-ID: ${id}`), ...statuses),
      asked(get("/", `Last-Event-ID: ${"\xe2\x80\xa6".repeat(length / 3)}`), ...statuses),
      ...PARAMS.map((param) => asked(get(`/?${param}=${id}`), ...statuses)),
      asked(get(`/?lastEventId=${"i".repeat(length / 2)}`, `Last-Event-ID: ${id}`), ...statuses),
    ];
  }),
  "a Last-Event-ID with any byte": EVERY_BYTE.flatMap((byte) => [
    asked(get("/", `Last-Event-ID: a${byte}b`), 200, 400),
    asked(get("/", `Last-Event-ID: ${byte}`), 200, 400),
    asked(get("/", `Last-Event-ID:${byte}7${byte}`), 200, 400),
  ]),
  "a target with any byte": EVERY_BYTE.flatMap((byte) => [
    asked(get(`/?lastEventId=a${byte}b`), 200, 400),
    asked(get(`/?lastEventId=a%${byte.charCodeAt(0).toString(16).padStart(2, "0")}b`), 200),
    asked(get(`/${byte}`), 200, 400),
    asked(get(byte), 200, 400),
  ]),
  "more than one Last-Event-ID": [
    asked(get("/", "Last-Event-ID: 1", "Last-Event-ID: 2"), 200),
    asked(get("/", "Last-Event-ID: 1", "last-event-id: \x80", "LAST-EVENT-ID: "), 200),
    asked(get("/", ...Array<string>(500).fill("Last-Event-ID: 7")), 200),
    asked(get("/", ...Array<string>(2100).fill("a: b")), 200, 431),
    asked(get("/?lastEventId=1&lastEventId=2&last_event_id=3", "Last-Event-ID: 4"), 200),
    // Joined by commas, they are no closing id.
    asked(get("/", `Last-Event-ID: ${forged(FAR)}`, `Last-Event-ID: ${forged(FAR)}`), 200),
    asked(get(`/?lastEventId=${forged(FAR)}`, "Last-Event-ID: 1"), 200),
    asked(get("/?lastEventId=1", `Last-Event-ID: ${forged(FAR)}`), 204),
  ],
  "odd encodings": PARAMS.flatMap((param) =>
    [
      ...["%", "%zz", "%u2026", "%00", "%0d%0aX: y", "%ff", "%c0%80", "%ed%a0%80", "%25%30%30"],
      ...[
        "+",
        "++",
        "%20",
        "%2B",
        "=",
        "&",
        "=&=",
        ";",
        "#",
        "#?lastEventId=1",
        "?",
        "\xe9",
        "\xff",
      ],
      ...["[]", "%5b%5d=1", "%E2%80%A8", "%F0%9F%92%A9", "%EF%BB%BF", "__proto__", "constructor"],
    ].map((value) => asked(get(`/?${param}=${value.replace(" ", "+")}`), 200, 400)),
  ),
  "forged closing ids": [
    ...[forged(FAR), forged("zzzzzzzz", "0.0.0.0"), forged(FAR, "9999999999.1.1.1")].flatMap(
      (id): [Attack, number[]][] => [
        asked(get("/", `Last-Event-ID: ${id}`), 204),
        asked(get("/", `Last-Event-ID: \t ${id} \t`), 204),
        ...PARAMS.map((param) => asked(get(`/?${param}=${id}`), 204)),
      ],
    ),
    ...[
      ...[forged("0"), forged("1"), forged(""), forged(`${FAR}z`), forged("-1"), forged("1e3")],
      ...[forged(FAR.toUpperCase()), forged(FAR).toUpperCase(), forged(FAR, "1.2.3")],
      ...[forged(FAR, "1.2.3.4.5"), forged(FAR, "1.2.3."), forged(FAR, "12345678901.2.3.4")],
      ...[`${forged(FAR)}x`, `${forged(FAR)}.`, `${forged(FAR)} x`, ` x${forged(FAR)}`],
      ...[
        `x${forged(FAR)}`,
        "evt-closed",
        "evt-closed.",
        `evt-closed${FAR}`,
        forged(FAR, "a.b.c.d"),
      ],
      ...[forged(FAR, "1.2.3.4,"), forged(FAR, "\xb2.2.3.4"), `${forged(FAR)}\xa0x`],
    ].map((id) => asked(get("/", `Last-Event-ID: ${id}`), 200)),
    ...["%0a", "%00", "%20", "%0d", "%09", "%c2%a0"].map((tail) =>
      asked(get(`/?lastEventId=${forged(FAR)}${tail}`), 200),
    ),
  ],
  methods: [
    ...["GET", "HEAD", "POST", "PUT", "OPTIONS", "DELETE", "PATCH", "PROPFIND"].map((method) =>
      asked(request(method, "/"), 200),
    ),
    asked(request("TRACE", "/"), 200, 400), // forbidden in a Fetch Request
    ...["FOO", "get", "", "GE T", "\x80", "PRI"].map((method) => asked(request(method, "/"), 400)),
    asked(request("POST", "/", "Content-Length: 5") + "hello", 200),
    asked(request("POST", "/", "Content-Length: 1000") + "hello", 200),
    asked(request("POST", "/", "Transfer-Encoding: chunked") + "5\r\nhello\r\n", 200),
    asked(request("POST", "/", "Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\n\r\n", 200),
    asked(request("HEAD", "/", `Last-Event-ID: ${forged(FAR)}`), 204),
    [{ bytes: "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", leave: "FIN" }, []],
  ],
  versions: [
    asked("GET / HTTP/1.0\r\n\r\n", 200),
    asked("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200),
    asked("HEAD / HTTP/1.0\r\n\r\n", 200),
    asked(`GET / HTTP/1.0\r\nLast-Event-ID: ${forged(FAR)}\r\n\r\n`, 204),
    asked(get("/", "Connection: close"), 200),
    asked(get("/", "Connection: upgrade, close, keep-alive"), 200),
    asked("GET / HTTP/1.1\r\n\r\n", 400),
    asked("GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400),
    asked("GET / HTTP/2.0\r\nHost: x\r\n\r\n", 200, 400),
    asked("GET /\r\n\r\n", 200, 400),
    asked("GET / http/1.1\r\nHost: x\r\n\r\n", 400),
    asked("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    asked("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400), // TLS
  ],
  "expectations and upgrades": [
    [
      { bytes: request("POST", "/", "Expect: 100-continue", "Content-Length: 5"), answers: 2 },
      [100, 200],
    ],
    asked(request("POST", "/", "Expect: the-impossible"), 417),
    asked(get("/", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"), 200),
    asked(
      get("/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AA"),
      200,
    ),
  ],
  targets: [
    "http://x/?lastEventId=1",
    "http://x",
    "https://y:0/?",
    "*",
    "//",
    "//?",
    "/?#",
    "?",
  ].map((target) => asked(get(target), 200, 400)),
  "pipelined requests": [
    [{ bytes: get().repeat(50), answers: 50 }, [200]],
    [{ bytes: get("/", `Last-Event-ID: ${forged(FAR)}`).repeat(50), answers: 50 }, [204]],
    [
      {
        bytes: (
          request("HEAD", "/") +
          get() +
          request("POST", "/", "Content-Length: 1") +
          "x"
        ).repeat(17),
        methods: Array.from({ length: 51 }, (_, i) => ["HEAD", "GET", "POST"][i % 3]!),
        answers: 51,
      },
      [200],
    ],
    [{ bytes: get().repeat(50), leave: "RST" }, [200]],
    [{ bytes: `${get().repeat(10)}garbage\r\n\r\n`, leave: "FIN" }, [200, 400]],
  ],
  "halves of requests": (["FIN", "RST"] as const).flatMap((leave) =>
    [
      ...["", "G", "GET", "GET / HT", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: x\r\nLast-Ev"],
      ...[get().slice(0, -1), get(), get() + get().slice(0, 9), "\r\n\r\n", "\r\n".repeat(100)],
      request("POST", "/", "Content-Length: 9") + "half",
      request("POST", "/", "Transfer-Encoding: chunked") + "5\r\nhe",
    ].flatMap((bytes): [Attack, number[]][] => [
      [{ bytes, leave }, [200, 400]],
      ...(bytes.includes("\r\n\r\n") && bytes.includes(" / ")
        ? [[{ bytes, leave, answers: 1 }, [200, 400]] as [Attack, number[]]]
        : []),
    ]),
  ),
  "what smuggles": [
    asked(
      request("POST", "/", "Content-Length: 5", "Transfer-Encoding: chunked") + "0\r\n\r\n",
      400,
    ),
    asked(request("POST", "/", "Content-Length: 5", "Content-Length: 6") + "hello", 400),
    asked(request("POST", "/", "Content-Length: -1"), 400),
    asked(request("POST", "/", "Content-Length: 1e9"), 400),
    asked(request("POST", "/", "Content-Length: 99999999999999999999"), 400),
    asked(request("POST", "/", "Transfer-Encoding: xchunked"), 200, 400),
    asked(request("POST", "/", "Transfer-Encoding: chunked, identity"), 200, 400),
    asked(request("POST", "/", "Transfer-Encoding : chunked"), 400),
    asked(request("POST", "/", "Transfer-Encoding: chunked") + "zz\r\n", 200, 400),
    asked(request("POST", "/", "Transfer-Encoding: chunked") + "-1\r\n", 200, 400),
    asked(get("/", "Last-Event-ID: 1\r\n 2"), 200, 400),
    asked(get("/", " Last-Event-ID: 1"), 200, 400),
    asked(get("/", "Last-Event-ID"), 400),
    asked(get("/", "Last-Event-ID: 1\nX: y"), 200, 400),
    asked(get("/", "Last-Event-ID: 1\rX: y"), 200, 400),
    asked(get("/", ": 1"), 400),
    asked(`${get()}0\r\n\r\n${get()}`, 200, 400),
    ...["", "x".repeat(300), "[", "x:99999", "x/y", "a b", "\xff", "@", "x\\", "::", "%"].map(
      (host) => asked(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 200, 400),
    ),
  ],
};

const byte = fc.nat(255).map((code) => String.fromCharCode(code));
const noise = fc.oneof(
  fc.array(byte, { maxLength: 20 }).map((bytes) => bytes.join("")),
  fc.constantFrom("%00", "%0a", "%ff", "%", "+", "&", "=", "?", "#", "\t", " ", "\r\n", "\n", "\0"),
  fc.constantFrom(forged(FAR), forged(FAR).toUpperCase(), `${forged(FAR)}.`, forged("1"), "7", ""),
  fc.constantFrom(64, 1025, 17_000, 70_000).map((length) => "i".repeat(length)),
);
const randomRequest = fc
  .record({
    method: fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom("GET", "POST", "HEAD", "PUT", "OPTIONS", "DELETE") },
      { weight: 1, arbitrary: fc.oneof(noise, fc.constantFrom("TRACE", "CONNECT", "FOO")) },
    ),
    target: fc.oneof(
      fc.constantFrom("/", "*", "http://x/", "//", ""),
      fc.tuple(fc.constantFrom(...PARAMS), noise).map(([param, value]) => `/?${param}=${value}`),
    ),
    version: fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom("HTTP/1.1", "HTTP/1.0") },
      { weight: 1, arbitrary: fc.oneof(noise, fc.constantFrom("HTTP/2.0", "")) },
    ),
    headers: fc.array(
      fc.oneof(
        { weight: 6, arbitrary: noise.map((value) => `Last-Event-ID: ${value}`) },
        {
          weight: 3,
          arbitrary: fc.constantFrom(
            ...["Connection: close", "Connection: keep-alive", "Upgrade: h2c", "TE: trailers"],
            ...["Content-Length: 3", "Content-Length: 0", "Transfer-Encoding: chunked"],
            ...["Expect: 100-continue", "Accept: text/html", "Range: bytes=0-1"],
          ),
        },
        { weight: 1, arbitrary: noise },
      ),
      { maxLength: 5 },
    ),
    body: fc.oneof({ weight: 4, arbitrary: fc.constant("") }, { weight: 1, arbitrary: noise }),
  })
  .map(({ method, target, version, headers, body }) => ({
    method,
    bytes: [`${method} ${target} ${version}`, "Host: x", ...headers, "", body].join("\r\n"),
  }));
export const randomAttack = fc
  .record({
    requests: fc.array(randomRequest, { minLength: 1, maxLength: 3 }),
    cut: fc.oneof(
      { weight: 3, arbitrary: fc.constant(1) },
      fc.double({ min: 0, max: 1, noNaN: true }),
    ),
    waits: fc.boolean(),
    leave: fc.constantFrom("FIN" as const, "RST" as const),
  })
  .map(({ requests, cut, waits, leave }): Attack => {
    const bytes = requests.map((each) => each.bytes).join("");
    return {
      bytes: bytes.slice(0, Math.ceil(bytes.length * cut)),
      methods: requests.map((each) => each.method),
      // Whatever ends in an empty line is answered, or the connection ends.
      answers: waits && cut === 1 ? 1 : 0,
      leave,
    };
  });
