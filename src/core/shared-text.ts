import { encodeText } from "./frame.ts";
import { findScheduler, type TurnTask } from "./scheduler.ts";

/**
 * Text that goes to many clients. What a sink makes of it (its bytes, a chunk) is made once,
 * however many they are.
 */
export class SharedText implements TurnTask {
  readonly #text: string;
  readonly #forms = new Map<unknown, unknown>();
  /** What was appended in this turn, and the result. */
  #appended: SharedText | undefined;
  #sum: SharedText | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  /** UTF-16 units, as of a string. */
  get length(): number {
    return this.#text.length;
  }

  toString(): string {
    return this.#text;
  }

  /** What `make` makes of the text. */
  as<Form>(make: (text: string) => Form): Form {
    let form = this.#forms.get(make) as Form | undefined;
    if (form === undefined) this.#forms.set(make, (form = make(this.#text)));
    return form;
  }

  /** This text and then the other: the same object for everybody who gets both in one turn. */
  concat(other: SharedText): SharedText {
    if (this.#sum && this.#appended === other) return this.#sum;
    if (!this.#sum) findScheduler().afterTurn(this);
    this.#appended = other;
    return (this.#sum = new SharedText(this.#text + other.#text));
  }

  /** Nobody will get both from now on: a text may be kept long, but not what began with it. */
  onTurnEnd(): void {
    this.#appended = this.#sum = undefined;
  }
}

/** What a stream is made of: text of its own, or shared with others. */
export type Text = string | SharedText;

/** Puts one text behind the other; shared texts stay shared. */
export function joinTexts(first: Text, second: Text): Text {
  if (!first) return second;
  if (!second) return first;
  const areShared = typeof first !== "string" && typeof second !== "string";
  return areShared ? first.concat(second) : `${first.toString()}${second.toString()}`;
}

/** The UTF-8 bytes of a text. */
export function bytesOf(text: Text): Uint8Array<ArrayBuffer> {
  return typeof text === "string" ? encodeText(text) : text.as(encodeText);
}
