/** Bytes that are handed on a piece at a time. */
export class Pieces {
  readonly #chunks: Buffer[] = [];
  /** How many of them wait here. */
  length = 0;

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.length += chunk.length;
  }

  /** Takes the next bytes away: so many, or all that there are. */
  shift(bytes: number): Buffer {
    const parts: Buffer[] = [];
    for (let left = Math.min(bytes, this.length); left > 0;) {
      const chunk = this.#chunks.shift() as Buffer;
      const part = chunk.subarray(0, left);
      if (part.length < chunk.length) this.#chunks.unshift(chunk.subarray(left));
      parts.push(part);
      left -= part.length;
      this.length -= part.length;
    }
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }

  clear(): void {
    this.#chunks.length = this.length = 0;
  }
}
