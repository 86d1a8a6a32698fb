import { encodeText } from "./frame.ts";
import { findScheduler, type TurnTask } from "./scheduler.ts";

/**
 * Text that goes to many clients. What a sink makes of it (its bytes, a chunk) is made once,
 * however many they are.
 */
export class SharedText implements TurnTask {
  readonly #text: string;
  readonly #forms = new Map<unknown, unknown>();
  /** What was appended last, and the result: held in the turn in which it is of use. */
  #appended: SharedText | undefined;
  #sum: SharedText | undefined;
  /** From then on as long as there is room, for clients that come one after the other. */
  #lastSum: WeakRef<SharedText> | undefined;

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

  /**
   * This text and then the other: the same object for everybody who gets both in one turn, and
   * mostly for those who come after them.
   */
  concat(other: SharedText): SharedText {
    const isKnown = this.#appended === other;
    if (isKnown && this.#sum) return this.#sum;
    if (!this.#sum) findScheduler().afterTurn(this);
    // Asking a weak reference takes longer than all the rest, so it is asked once in a turn.
    this.#sum = isKnown ? this.#lastSum?.deref() : undefined;
    if (!this.#sum) {
      this.#sum = new SharedText(this.#text + other.#text);
      this.#appended = other;
      this.#lastSum = new WeakRef(this.#sum);
    }
    return this.#sum;
  }

  /** A text may be kept long; what began with it must not be, for its sake. */
  onTurnEnd(): void {
    this.#sum = undefined;
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
