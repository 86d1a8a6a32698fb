/** The real ones, also while a test fakes time. */
const { setTimeout, clearTimeout } = globalThis;

/** Waits, but not for ever: a hang fails with what never came. */
export async function within<T>(promise: Promise<T>, what: string, ms = 8_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Within ${ms} ms there was no ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** Keeps what happens, in order, until a test asks for it. */
export class Inbox<T> {
  readonly #what: string;
  readonly #items: T[] = [];
  readonly #takers: ((item: T) => void)[] = [];

  /** @param what the items are called when one does not come */
  constructor(what: string) {
    this.#what = what;
  }

  /** How many items are there to be taken. */
  get size(): number {
    return this.#items.length;
  }

  /** Lets go of what nobody has taken. */
  clear(): void {
    this.#items.length = 0;
  }

  put(item: T): void {
    const taker = this.#takers.shift();
    if (taker) taker(item);
    else this.#items.push(item);
  }

  /** The next item, which is a failure if it does not come. */
  take(ms?: number): Promise<T> {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift() as T);
    return within(new Promise<T>((resolve) => this.#takers.push(resolve)), this.#what, ms);
  }
}
