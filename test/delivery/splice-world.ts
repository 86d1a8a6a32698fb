import type { EventMessage } from "../../src/index.ts";
import type { EventStream } from "../../src/core/stream.ts";
import { ControlledLog, type Question } from "./controlled-log.ts";
import type { Step, World } from "./explore.ts";
import { dataOf, Journal } from "./journal.ts";
import { PacedClient } from "./paced-client.ts";

/** The part of a channel that has a seam. */
export interface Channel {
  add(stream: EventStream, options: { topics?: string[] }): Promise<boolean>;
  send(data: string, fields: { topic?: string | undefined }): Promise<string>;
  close(): Promise<void>;
}

/** What the stories are about. */
export interface Setting {
  /** Events that the client has missed when the story begins; it has no id if there is none. */
  behind?: number | undefined;
  /** Whether the client is not there yet when the story begins. */
  isAway?: boolean;
  /** Whether the client has heard of events, somewhere else, that this process has not. */
  isAhead?: boolean;
  /** Whether the client reads only now and then, and what is sent to it waits for each event. */
  isPaced?: boolean;
  /** Whether the client follows every other event only. */
  hasTopics?: boolean;
  /** Whether a second client comes with the same id. */
  isTwo?: boolean;
  /** Entries that the log keeps. */
  maxEntries?: number | undefined;
  /** Whether the log cannot be followed at once. */
  isFar?: boolean;
  /** Whether the log answers from a copy, which may know less than those who follow. */
  hasCopy?: boolean;
  /** Whether the channel may say `resync` to whoever comes. */
  mayResync?: boolean;
  /** What else can happen. */
  with?: readonly ("gap" | "leave" | "close" | "fail")[];
}

/** Lets all that was promised come. */
async function turn(): Promise<void> {
  await new Promise((resolve) => queueMicrotask(() => process.nextTick(resolve)));
}

interface Membership {
  readonly client: PacedClient;
  readonly stream: EventStream;
  isLive?: boolean;
}

/** A channel whose log is controlled, a client who listens all the time, and one or two who come. */
export class SpliceWorld implements World {
  readonly steps: Step[] = [];
  readonly #setting: Setting;
  readonly #log: ControlledLog;
  readonly #channel: Channel;
  readonly #clients: PacedClient[] = [];
  readonly #memberships: Membership[] = [];
  readonly #passTime: () => void;
  #published = 0;
  #gaps = 0;
  #isClosed = false;

  /** @param passTime lets the time pass after which a log is asked again */
  constructor(
    setting: Setting,
    createChannel: (log: ControlledLog) => Channel,
    passTime: () => void,
  ) {
    const { behind, isPaced = false, hasTopics = false, isTwo = false } = setting;
    this.#setting = setting;
    this.#passTime = passTime;
    this.#log = new ControlledLog(setting);
    this.#channel = createChannel(this.#log);
    // The log's ids are only known once it has given one.
    this.#publish();
    const witness = new PacedClient(new Journal("a"));
    this.#clients.push(witness);
    this.#join(witness);
    const begin = behind === undefined ? "" : this.#log.head;
    for (let i = 0; i < (behind ?? 0); i++) this.#publish();
    while (!setting.isAhead && this.#log.untold.length > 0) this.#log.tell();
    this.#log.uncopied = 0;
    for (let i = 0; i < (isTwo ? 2 : 1); i++) {
      const journal = new Journal("a", begin, hasTopics ? isOdd : undefined);
      const options = isPaced ? { highWaterMark: 0, maxBufferedAmount: Infinity } : {};
      this.#clients.push(new PacedClient(journal, begin, !isPaced, options));
    }
    if (!setting.isAway) this.#join(this.#clients[1]!);
    this.#addSteps();
  }

  async rest(): Promise<void> {
    await turn();
  }

  async finish(): Promise<string[]> {
    const faults: string[] = [];
    await this.#settle();
    if (!this.#isClosed) {
      for (const client of this.#clients) if (!isConnected(client)) this.#join(client);
      await this.#settle();
      // Whoever hangs does not get the last ones.
      for (let i = 0; i < 2; i++) this.#publish();
      await this.#settle();
    }
    for (const [i, { journal }] of this.#clients.entries()) {
      if (!this.#isClosed) journal.finish(this.#published);
      if (!journal.isFaultless) faults.push(`client ${i} ${JSON.stringify(journal.faults)}`);
      const connections = this.#memberships.filter(({ client }) => client.journal === journal);
      const { maxEntries, hasCopy, mayResync } = this.#setting;
      const isAllowed = maxEntries !== undefined || hasCopy || mayResync;
      const allowed = this.#gaps + (isAllowed ? connections.length : 0);
      if (journal.resyncs.length > allowed)
        faults.push(`client ${i} got ${journal.resyncs.join()}`);
    }
    for (const { client, stream, isLive } of this.#memberships) {
      if (this.#isClosed && !stream.closed) faults.push("a stream is open after all");
      const isOpen = client.stream === stream && !stream.closed;
      if (isLive === undefined) faults.push("add() hangs");
      else if (isOpen && !isLive) faults.push("add() says false of an open stream");
    }
    this.#clear();
    return faults;
  }

  /** Leaves nothing behind. */
  #clear(): void {
    void this.#channel.close();
    for (const { stream } of this.#memberships) void stream.close();
    for (const client of this.#clients) client.leave();
  }

  #addSteps(): void {
    const log = this.#log;
    const extras = this.#setting.with ?? [];
    const add = (name: string, isPossible: () => boolean, run: () => void) =>
      this.steps.push({ name, isPossible, run });
    const isOpen = () => !this.#isClosed;

    add("append", isOpen, () => this.#publish());
    add(
      "tell",
      () => log.untold.length > 0,
      () => log.tell(),
    );
    add(
      "begin",
      () => log.begin !== undefined,
      () => log.begin!(),
    );
    add(
      "copy",
      () => log.uncopied > 0,
      () => log.uncopied--,
    );
    this.#addQuestionSteps(add);
    this.#clients.slice(1).forEach((client, i) => {
      add(
        `join ${i}`,
        () => isOpen() && !isConnected(client) && (i === 0 || isConnected(this.#clients[1]!)),
        () => this.#join(client),
      );
      if (this.#setting.isPaced) {
        add(
          `take ${i}`,
          () => client.waiting > 0,
          () => client.take(),
        );
      }
      if (extras.includes("leave")) {
        add(
          `leave ${i}`,
          () => isConnected(client),
          () => client.leave(),
        );
      }
    });
    if (extras.includes("gap")) {
      add("gap", isOpen, () => {
        this.#gaps++;
        log.gap();
      });
    }
    if (extras.includes("close")) {
      add("close", isOpen, () => {
        this.#isClosed = true;
        void this.#channel.close();
      });
    }
  }

  #addQuestionSteps(add: (name: string, isPossible: () => boolean, run: () => void) => void): void {
    const log = this.#log;
    const unseen = () => log.questions.find(({ found }) => !found);
    const seen = () => log.questions.filter(({ found }) => found);
    add(
      "look",
      () => unseen() !== undefined,
      () => log.look(unseen()!),
    );
    add(
      "answer",
      () => seen().length > 0,
      () => log.answer(seen()[0]!),
    );
    // Answers may overtake each other.
    add(
      "answer the last",
      () => seen().length > 1,
      () => log.answer(seen().at(-1)!),
    );
    if (this.#setting.with?.includes("fail")) {
      add(
        "fail",
        () => log.questions.length > 0,
        () => log.fail(log.questions[0]!),
      );
    }
  }

  #publish(): void {
    const place = ++this.#published;
    const fields: Pick<EventMessage, "topic"> = this.#setting.hasTopics
      ? { topic: isOdd(place) ? "odd" : "even" }
      : {};
    void this.#channel.send(dataOf("a", place), fields);
  }

  #join(client: PacedClient): void {
    const stream = client.connect();
    const membership: Membership = { client, stream };
    this.#memberships.push(membership);
    const isWitness = client === this.#clients[0];
    const options = this.#setting.hasTopics && !isWitness ? { topics: ["odd"] } : {};
    void this.#channel.add(stream, options).then((isLive) => (membership.isLive = isLive));
  }

  /** Whatever is under way arrives. */
  async #settle(): Promise<void> {
    const log = this.#log;
    // Nobody has to wait for the clock, unless the log has failed or knows less than others.
    let isLate = !this.#setting.hasCopy && !this.#setting.with?.includes("fail");
    for (let rounds = 0; rounds < 100; rounds++) {
      await turn();
      const waiting = this.#clients.filter((client) => client.waiting > 0);
      const questions: Question[] = [...log.questions];
      log.uncopied = 0;
      if (log.begin) log.begin();
      else if (log.untold.length > 0) log.tell();
      else if (questions.length > 0) {
        for (const question of questions) {
          if (!question.found) log.look(question);
          log.answer(question);
        }
      } else if (waiting.length > 0) for (const client of waiting) client.take();
      else if (isLate) return;
      else {
        this.#passTime();
        isLate = true;
      }
    }
    throw new Error("It goes on for ever");
  }
}

function isConnected({ stream }: PacedClient): boolean {
  return stream !== undefined && !stream.closed;
}

function isOdd(place: number): boolean {
  return place % 2 === 1;
}
