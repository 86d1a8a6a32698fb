import type { Exchange } from "../contract/host.ts";
import type { Connect } from "./serve.ts";

/** The other clients of a server, who must not notice what happens to one. */
export class Neighbours {
  readonly #clients: Exchange[] = [];
  readonly #streams: { send(data: unknown): unknown }[];
  #sent = 0;
  #checked = 0;

  /** @param streams what sends to them; filled while they connect */
  private constructor(streams: { send(data: unknown): unknown }[]) {
    this.#streams = streams;
  }

  static async open(
    connect: Connect,
    streams: { send(data: unknown): unknown }[],
    count = 20,
  ): Promise<Neighbours> {
    const neighbours = new Neighbours(streams);
    while (neighbours.#clients.length < count) neighbours.#clients.push(await connect());
    return neighbours;
  }

  /** Sends the next event to each of them. */
  send(): void {
    const data = `n${this.#sent++}`;
    for (const stream of this.#streams) void stream.send(data);
  }

  /** Sends one more event, and counts what became of those since the last time. */
  async count(): Promise<{ lost: number; doubled: number; reordered: number }> {
    this.send();
    const expected: number[] = [];
    for (let i = this.#checked; i < this.#sent; i++) expected.push(i);
    const counts = { lost: 0, doubled: 0, reordered: 0 };
    for (const client of this.#clients) {
      await client.readUntil(`data: n${this.#sent - 1}\n\n`);
      const received = [...client.text.matchAll(/^data: n(\d+)\n\n/gm)]
        .map(([, number]) => Number(number))
        .filter((number) => number >= this.#checked);
      const once = new Set(received);
      counts.lost += expected.filter((number) => !once.has(number)).length;
      counts.doubled += received.length - once.size;
      counts.reordered += received.filter((number, i) => i > 0 && number < received[i - 1]!).length;
    }
    this.#checked = this.#sent;
    return counts;
  }

  leave(): void {
    for (const client of this.#clients) client.abort();
  }
}
