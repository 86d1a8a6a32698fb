/**
 * What the benchmarks send. The same seed gives the same payloads, and test/bench checks that they
 * are what is claimed here. Payloads are made before anything is measured.
 */
import { createRandom, pick } from "./random.js";

const WORDS = "the of and to in a is that for it as was with be by on not he his but at are this"
  .split(" ")
  .concat("have from or had an they which one you were all her she there would their".split(" "));
/** Words that need two to four bytes for a character. */
const FOREIGN_WORDS = ["über", "señor", "naïve", "“quoted”", "Привет", "東京", "data→", "👍🏽"];
/** One payload in so many has a word outside ASCII. */
const FOREIGN_SHARE = 8;

const MIXED_SIZES = [
  { share: 0.45, bytes: [8, 40] },
  { share: 0.45, bytes: [200, 200] },
  { share: 0.1, bytes: [1000, 3000] },
];

/**
 * Payloads like the chunks of a streamed chat completion: JSON of one line, all of the same size,
 * no two the same. Every eighth has text outside ASCII.
 *
 * @param {number} seed
 * @param {number} count
 * @param {number} bytes size of each in UTF-8; at least 160
 * @returns {string[]}
 */
export function createChunks(seed, count, bytes = 200) {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, index) => {
    const head = `{"id":"chunk-${index}","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"`;
    const tail = `"},"finish_reason":null}]}`;
    const foreign = index % FOREIGN_SHARE === 0;
    return flat(head + createText(random, bytes - head.length - tail.length, foreign) + tail);
  });
}

/**
 * Events as `send()` takes them, of mixed sizes: tokens of 8 to 40 bytes and chunks of 200 bytes
 * (45 % each), documents of 1 to 3 kB (10 %). All are of one line and have an id, one in four has a
 * type, every eighth has text outside ASCII.
 *
 * @param {number} seed
 * @param {number} count
 * @returns {{ data: string, fields: string | { id: string, event: string } }[]}
 */
export function createMixedEvents(seed, count) {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, index) => {
    const [least, most] = pickSize(random());
    const bytes = least + Math.floor(random() * (most - least + 1));
    const data = flat(createText(random, bytes, index % FOREIGN_SHARE === 0));
    const id = flat(String(1_000_000 + index));
    return { data, fields: random() < 0.25 ? { id, event: "progress" } : id };
  });
}

/**
 * The same events with line breaks: one to eight of their spaces are LF instead.
 *
 * @param {number} seed
 * @param {number} count
 * @returns {{ data: string, fields: string | { id: string, event: string } }[]}
 */
export function createMultiLineEvents(seed, count) {
  const random = createRandom(seed);
  return createMixedEvents(seed, count).map(({ data, fields }) => {
    const words = data.split(" ");
    const breaks = new Set();
    for (let left = 1 + Math.floor(random() * 8); left > 0; left--) {
      breaks.add(1 + Math.floor(random() * (words.length - 1)));
    }
    const text = words.reduce((before, word, index) => {
      return before + (breaks.has(index) ? "\n" : " ") + word;
    });
    return { data: flat(text), fields };
  });
}

/** Words of exactly so many bytes in UTF-8, without characters that JSON would escape. */
function createText(random, bytes, foreign) {
  let text = "";
  let left = bytes;
  const add = (word) => {
    if (Buffer.byteLength(word) > left) return false;
    text += word;
    left -= Buffer.byteLength(word);
    return true;
  };
  // A payload that must have such a word and has no room for this one gets the shortest.
  if (foreign && !add(`${pick(random, FOREIGN_WORDS)} `)) add("é");
  while (add(`${pick(random, WORDS)} `));
  return text + "x".repeat(left);
}

function pickSize(at) {
  let sum = 0;
  for (const { share, bytes } of MIXED_SIZES) {
    sum += share;
    if (at < sum) return bytes;
  }
  return MIXED_SIZES.at(-1).bytes;
}

/** Strings put together from parts stay a tree of them until somebody looks; none of ours must. */
function flat(text) {
  return Buffer.from(text).toString();
}
