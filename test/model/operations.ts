import fc from "fast-check";

/** A message as a test writes it down: `times` stands for much data. */
export interface Draft {
  readonly data: string;
  readonly times?: number | undefined;
  readonly id?: string | undefined;
  readonly event?: string | undefined;
  readonly retry?: number | undefined;
}

/** Something that the application, its source, its client or the network does. */
export type Operation =
  /** A request, when there is no stream; `brings` says which `Last-Event-ID` it has. */
  | {
      readonly do: "open";
      readonly brings: "nothing" | "its cursor" | "its closing id";
      readonly method: "GET" | "HEAD";
      readonly reconnectionTime: number | undefined;
      readonly isAborted: boolean;
    }
  /** `inner` happens inside the serializer. */
  | { readonly do: "send"; readonly draft: Draft; readonly inner?: readonly Operation[] }
  | { readonly do: "sendEvent"; readonly draft: Draft }
  | { readonly do: "dispatchMessage"; readonly draft: Draft }
  | { readonly do: "dispatchComment"; readonly draft: Draft }
  /** `inner` happens inside a listener, which may prevent that it is sent. */
  | {
      readonly do: "dispatchEvent";
      readonly kind: "MessageEvent" | "ServerSentEvent" | "CustomEvent" | "Event";
      readonly draft: Draft;
      readonly isCancelable: boolean;
      readonly isPrevented: boolean;
      readonly inner: readonly Operation[];
    }
  | { readonly do: "wrong"; readonly call: keyof typeof WRONG_CALLS }
  | {
      readonly do: "close";
      readonly noReconnect: boolean;
      readonly reconnectionTime?: number | undefined;
      readonly reason?: string | undefined;
    }
  | { readonly do: "abort" }
  | { readonly do: "pipe"; readonly end: "close" | "keep-open" }
  | { readonly do: "item"; readonly draft: Draft; readonly isWrong: boolean }
  | { readonly do: "finish" }
  | { readonly do: "fail" }
  | { readonly do: "stall" }
  | { readonly do: "listen" }
  | { readonly do: "take"; readonly share: number }
  | { readonly do: "drain" }
  | { readonly do: "leave" };

/** Arguments that must throw on an open stream, and do nothing. */
export const WRONG_CALLS = {
  "an id of two lines": ["x", "a\nb"],
  "an id with a space before it": ["x", " a"],
  "a negative retry": ["x", { retry: -1 }],
  "a type with CR": ["x", { event: "a\rdata: forged" }],
  "data without a serialized form": [undefined],
  "a serializer that throws": [{ fails: true }],
} as const satisfies Record<string, readonly unknown[]>;

const text = fc.constantFrom("x", "", " a", "a\nb", "a\r\n\rb\n", ":", "é日😀", "\ud800", "id: 7");
const id = fc.option(fc.constantFrom("1", "2", "0", "", "a b"), { nil: undefined });
const small = fc.record({ data: text, id });
const drafts = fc.oneof(
  { weight: 6, arbitrary: small },
  {
    weight: 2,
    arbitrary: fc.record({
      data: text,
      id,
      event: fc.constantFrom("tick", "", "message", "é"),
      retry: fc.constantFrom(undefined, 0, 5000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ data: fc.constant("large "), id, times: fc.nat(400) }) },
  { weight: 1, arbitrary: fc.record({ data: fc.constant("huge! "), id, times: fc.nat(40_000) }) },
);

const close = fc.record({
  do: fc.constant("close" as const),
  noReconnect: fc.boolean(),
  reconnectionTime: fc.constantFrom(undefined, undefined, 0, 777),
  reason: fc.constantFrom(undefined, "enough"),
});
const send = fc.record({ do: fc.constant("send" as const), draft: drafts });
/** What user code does inside of a callback. */
const inner: fc.Arbitrary<readonly Operation[]> = fc.array(
  fc.oneof({ weight: 3, arbitrary: send }, { weight: 1, arbitrary: close }),
  { maxLength: 3 },
);

function weighted<T>(weight: number, arbitrary: fc.Arbitrary<T>) {
  return { weight, arbitrary };
}

/** All operations; ends are rarer than sends, so that something happens before them. */
export const operations: fc.Arbitrary<Operation> = fc.oneof(
  weighted(
    6,
    fc.record({
      do: fc.constant("open" as const),
      brings: fc.constantFrom("nothing" as const, "its cursor" as const, "its closing id" as const),
      method: fc.constantFrom("GET" as const, "GET" as const, "GET" as const, "HEAD" as const),
      reconnectionTime: fc.constantFrom(undefined, undefined, 0, 1234),
      isAborted: fc.constantFrom(false, false, false, true),
    }),
  ),
  weighted(8, send),
  weighted(3, fc.record({ do: fc.constant("send" as const), draft: drafts, inner })),
  weighted(2, fc.record({ do: fc.constant("sendEvent" as const), draft: drafts })),
  weighted(2, fc.record({ do: fc.constant("dispatchMessage" as const), draft: drafts })),
  weighted(2, fc.record({ do: fc.constant("dispatchComment" as const), draft: drafts })),
  weighted(
    4,
    fc.record({
      do: fc.constant("dispatchEvent" as const),
      kind: fc.constantFrom(
        "MessageEvent" as const,
        "ServerSentEvent" as const,
        "CustomEvent" as const,
        "Event" as const,
      ),
      draft: small,
      isCancelable: fc.boolean(),
      isPrevented: fc.boolean(),
      inner,
    }),
  ),
  weighted(
    2,
    fc.record({
      do: fc.constant("wrong" as const),
      call: fc.constantFrom(...(Object.keys(WRONG_CALLS) as (keyof typeof WRONG_CALLS)[])),
    }),
  ),
  weighted(2, close),
  weighted(1, fc.constant<Operation>({ do: "abort" })),
  weighted(
    3,
    fc.record({
      do: fc.constant("pipe" as const),
      end: fc.constantFrom("close" as const, "keep-open" as const),
    }),
  ),
  weighted(
    6,
    fc.record({
      do: fc.constant("item" as const),
      draft: drafts,
      isWrong: fc.integer({ min: 0, max: 9 }).map((dice) => dice === 0),
    }),
  ),
  weighted(1, fc.constant<Operation>({ do: "finish" })),
  weighted(1, fc.constant<Operation>({ do: "fail" })),
  weighted(3, fc.constant<Operation>({ do: "stall" })),
  weighted(2, fc.constant<Operation>({ do: "listen" })),
  weighted(
    3,
    fc.record({
      do: fc.constant("take" as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  ),
  weighted(3, fc.constant<Operation>({ do: "drain" })),
  weighted(1, fc.constant<Operation>({ do: "leave" })),
);

/** The data of a draft in full. */
export function dataOf({ data, times = 1 }: Draft): string {
  return data.repeat(times);
}
