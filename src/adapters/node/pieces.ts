/** Bytes that are handed on a piece at a time. */
export class Pieces {
  readonly #chunks: Buffer[] = [];
  /** How many of them wait here. */
  length = 0;

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.length += chunk.length;
  }

  /** Takes the next bytes away, at most so many. */
  shift(bytes: number): Buffer | undefined {
    const [first] = this.#chunks;
    if (!first) return undefined;
    const piece = first.subarray(0, bytes);
    if (piece.length < first.length) this.#chunks[0] = first.subarray(bytes);
    else this.#chunks.shift();
    this.length -= piece.length;
    return piece;
  }

  clear(): void {
    this.#chunks.length = this.length = 0;
  }
}
