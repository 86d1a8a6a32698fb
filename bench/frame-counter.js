const LF = 0x0a;

/**
 * Counts frames by the empty line that ends each, however the bytes are cut into chunks. Neither
 * the head of a response nor the framing of HTTP chunks has two LF in a row.
 */
export class FrameCounter {
  /** Frames that have ended so far. */
  count = 0;
  /** Whether the byte before was an LF that may begin an empty line. */
  #pending = false;

  /**
   * @param {Uint8Array} bytes
   * @param {number} length how many of the bytes count
   * @returns {number} the frames that ended within these bytes
   */
  push(bytes, length = bytes.length) {
    let pending = this.#pending;
    let found = 0;
    for (let index = 0; index < length; index++) {
      if (bytes[index] !== LF) pending = false;
      else if (pending) {
        found++;
        pending = false;
      } else pending = true;
    }
    this.#pending = pending;
    this.count += found;
    return found;
  }
}
