/** Ranges that are remembered, to be shown. */
const MAX_RANGES = 3;

/**
 * Checks that numbered events come once and in order. Whoever publishes numbers them; ids play no
 * part in it.
 */
export class Tally {
  received = 0;
  missing = 0;
  doubled = 0;
  /** The last of the numbers that were missing or came twice, such as `["41–45", "48"]`. */
  missingRanges = [];
  doubledRanges = [];
  #newest;

  /** The number that came last; `undefined` before the first. */
  get newest() {
    return this.#newest;
  }

  /** From here on everything has to come. */
  startAfter(number) {
    this.#newest = number;
  }

  /** The server said that it cannot tell what was missed: whatever comes next is the first. */
  startOver() {
    this.#newest = undefined;
  }

  take(number) {
    this.received++;
    const next = this.#newest === undefined ? number : this.#newest + 1;
    if (number < next) {
      this.doubled++;
      remember(this.doubledRanges, String(number));
      return;
    }
    if (number > next) {
      this.missing += number - next;
      remember(this.missingRanges, formatRange(next, number - 1));
    }
    this.#newest = number;
  }
}

export function formatRange(first, last) {
  return first === last ? String(first) : `${first}–${last}`;
}

function remember(ranges, range) {
  ranges.push(range);
  if (ranges.length > MAX_RANGES) ranges.shift();
}
