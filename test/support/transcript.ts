import { within } from "./inbox.ts";

/** Text that comes in bit by bit, for tests that wait for a part of it. */
export class Transcript {
  text = "";
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  #wake = () => {};

  add(bytes: Uint8Array): void {
    this.text += this.#decoder.decode(bytes, { stream: true });
    this.#wake();
  }

  /** Resolves once this part has come, with all that has; fails when it does not come in time. */
  async until(part: string, ms?: number): Promise<string> {
    const come = async () => {
      while (!this.text.includes(part)) await new Promise<void>((wake) => (this.#wake = wake));
      return this.text;
    };
    return within(come(), `${JSON.stringify(part)} in what came`, ms);
  }
}
