/**
 * A slow and simple look at what one client received, to check that every server sends the same
 * before it is measured.
 */

/**
 * Reads the events of one raw HTTP response, which may be cut off anywhere.
 *
 * @param {Buffer} bytes
 * @returns {{ id: string | undefined, event: string | undefined, data: string }[]} the complete events that have data
 */
export function readReceived(bytes) {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return [];
  const head = bytes.toString("latin1", 0, headEnd);
  if (!head.startsWith("HTTP/1.1 200 ")) throw new Error(`Answered with: ${head.split("\r\n")[0]}`);
  const body = bytes.subarray(headEnd + 4);
  const isChunked = /^transfer-encoding: *chunked$/im.test(head);
  const frames = (isChunked ? joinChunks(body) : body).toString().split("\n\n").slice(0, -1);
  return frames.map(readFrame).filter(({ data }) => data !== undefined);
}

/** Takes the framing of HTTP/1.1 away (RFC 9112, 7.1). */
function joinChunks(body) {
  const chunks = [];
  for (let start = 0; ;) {
    const sizeEnd = body.indexOf("\r\n", start);
    if (sizeEnd < 0) break;
    const size = Number.parseInt(body.toString("latin1", start, sizeEnd), 16);
    chunks.push(body.subarray(sizeEnd + 2, sizeEnd + 2 + size));
    start = sizeEnd + 2 + size + 2;
  }
  return Buffer.concat(chunks);
}

function readFrame(frame) {
  const field = (name) => {
    const line = frame.split("\n").find((each) => each.startsWith(`${name}:`));
    return line?.slice(name.length + 1).replace(/^ /, "");
  };
  return { id: field("id"), event: field("event"), data: field("data") };
}
