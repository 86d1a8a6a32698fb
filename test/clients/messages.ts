/** Data as it is sent, and as it arrives if that is not the same. */
export const MESSAGES: readonly [sent: unknown, received?: string][] = [
  ["Hello"],
  [""],
  ["two\nlines"],
  ["\n"],
  ["\n\nempty lines around\n\n"],
  ["CRLF\r\nand CR\rand LF\n", "CRLF\nand CR\nand LF\n"],
  [" spaces at the edges "],
  [": no comment"],
  ["x\n\nevent: tick\nid: forged\nretry: 3600000\ndata: forged\n\n"],
  ["Grüße, 你好, 👩‍👩‍👧, e\u0301, \u{10ffff}"],
  ["\ufeffno line breaks: \u2028 \u2029 \u0085 \v \f"],
  [{ text: "a\nb", list: [1, null, true] }, '{"text":"a\\nb","list":[1,null,true]}'],
  [null, "null"],
  [0, "0"],
  [false, "false"],
  // Larger than any buffer, chunk or flow-control window on the way.
  ["€uro\n".repeat(50_000)],
];
