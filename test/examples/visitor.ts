import { Agent, EventSource } from "undici";
import { Line } from "../support/line.ts";
import { Inbox, within } from "../support/inbox.ts";

/** An event as a listener gets it. */
export interface Heard {
  readonly type: string;
  readonly data: string;
  readonly id: string;
}

/** An `EventSource` on a line of its own, which can be cut: it comes back by itself. */
export class Visitor implements AsyncDisposable {
  readonly #source: EventSource;
  readonly #agent: Agent;
  readonly #line: Line;
  readonly #heard = new Inbox<Heard>("event on the client");

  private constructor(source: EventSource, agent: Agent, line: Line) {
    this.#source = source;
    this.#agent = agent;
    this.#line = line;
  }

  static async to(url: URL | string, types: readonly string[] = ["message"]): Promise<Visitor> {
    const target = new URL(url);
    const line = await Line.to(Number(target.port));
    target.host = `127.0.0.1:${line.port}`;
    const agent = new Agent();
    const source = new EventSource(target, { node: { dispatcher: agent, reconnectionTime: 50 } });
    const visitor = new Visitor(source, agent, line);
    for (const type of types) {
      source.addEventListener(type, (event) => {
        const { data, lastEventId } = event as MessageEvent<string>;
        visitor.#heard.put({ type, data, id: lastEventId });
      });
    }
    return visitor;
  }

  /** The next event of its types, which is a failure if it does not come. */
  next(): Promise<Heard> {
    return this.#heard.take();
  }

  /** Loses its connection, and makes another. */
  cut(): void {
    this.#line.cut("reset");
  }

  /** Resolves when a server has told it to stop. */
  async stopped(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      const look = () => this.#source.readyState === EventSource.CLOSED && resolve();
      this.#source.addEventListener("error", look);
      look();
    });
    await within(closed, "end of the client");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#source.close();
    this.#line.close();
    await this.#agent.destroy();
  }
}
