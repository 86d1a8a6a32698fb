/**
 * Plants bugs that channels have, one at a time, into a copy of the sources, and runs tests on it. A bug that they do not notice ends this with an error.
 *
 * `node test/mutation/channel.js seam` plants those only that have this word in their name.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** By file of src/: what is planted, and which tests are to notice: of test/delivery/, unless their folder is told. */
const MUTANTS = {
  "channel/catch-up.ts": [
    {
      name: "the seam forgets what came while the log was asked",
      from: "this.#send(member, came, index + 1) < came.length",
      to: "this.#send(member, came, came.length) < came.length",
      tests: ["splice"],
    },
    {
      name: "the seam sends again what the log had answered",
      from: "this.#send(member, came, index + 1) < came.length",
      to: "this.#send(member, came, 0) < came.length",
      tests: ["splice"],
    },
    {
      name: "the seam takes a client that is ahead for one that is live",
      from: "const isAhead = index < 0 && member.cursor !== askedAt;",
      to: "const isAhead = false;",
      tests: ["splice"],
    },
    {
      name: "the seam takes everybody for ahead whose place did not come",
      from: "const isAhead = index < 0 && member.cursor !== askedAt;",
      to: "const isAhead = index < 0;",
      tests: ["splice"],
    },
    {
      name: "who is ahead never goes live",
      from: "if (member.cursor === entry.id) this.#goLive(member);",
      to: "",
      tests: ["splice"],
    },
    {
      name: "who is ahead of a log that answers from a copy waits for ever",
      from: "this.#ahead.add(member);\n      this.#askSoon();",
      to: "this.#ahead.add(member);",
      tests: ["splice"],
    },
    {
      name: "who is ahead when the log loses entries waits for ever",
      from: "    // What they wait for may never come.\n    this.#askFor(this.#ahead);",
      to: "",
      tests: ["splice"],
    },
    {
      name: "it goes live before its replay is done",
      from: "return page.length < entries.length || entries.length === limit || this.#join",
      to: "return this.#join",
      tests: ["turmoil"],
    },
    {
      name: "the cursor is moved by what is sent only",
      from: "member.cursor = entry.id || member.cursor;",
      to: "",
      tests: ["turmoil"],
    },
    {
      name: "live members are not told of a gap",
      from: "this.#broadcast.forEach((member) => this.#broadcast.resync(member));",
      to: "",
      tests: ["splice"],
    },
    {
      name: "an answer from before a gap counts",
      from: "for (const query of this.#queries.values()) this.#outdate(query);",
      to: "",
      tests: ["splice"],
    },
    {
      name: "a question from before a gap is not asked again",
      from: "if (query.isStale) return true;",
      to: "if (query.isStale) return false;",
      tests: ["splice"],
    },
    {
      name: "who joins a question gets no answer",
      from: "if (asked) return void asked.members.push(member);",
      to: "if (asked) return;",
      tests: ["splice"],
    },
    {
      name: "questions are told apart by their limit only",
      from: "const key = `${limit} ${cursor}`;",
      to: "const key = `${limit}`;",
      tests: ["storm"],
    },
    {
      name: "who joins a question while it is answered gets no answer",
      from: "for (const member of query.members) if",
      to: "for (const member of [...query.members]) if",
      tests: ["turmoil"],
    },
    {
      name: "it goes live before it has what came",
      from: "    if (!isAhead && this.#send(member, came",
      to: "    this.#goLive(member);\n    if (!isAhead && this.#send(member, came",
      tests: ["turmoil"],
    },
    {
      name: "who was asked for when the log failed is forgotten",
      from: 'if (each.state === "waiting") this.#waiting.add(each);',
      to: "each.seen = 0;",
      tests: ["splice"],
    },
    {
      name: "a slow client is given its history at once",
      from: "next < entries.length && !member.delivery.isFull;",
      to: "next < entries.length;",
      tests: ["slow-resume"],
    },
    {
      name: "a slow client is given its first page only",
      from: "void member.delivery.whenDrained().then(() => this.#advance(member));",
      to: "void member.delivery.whenDrained();",
      tests: ["splice"],
    },
    {
      name: "an id that the log does not know has missed nothing",
      from: "entries: readonly LogEntry[] | undefined): boolean {",
      to: "entries: readonly LogEntry[] | undefined = []): boolean {",
      tests: ["foreign-ids"],
    },
    {
      name: "a resync is the last that a client gets",
      from: "this.#broadcast.resync(member);\n      this.#goLive(member);",
      to: "this.#broadcast.resync(member);",
      tests: ["foreign-ids"],
    },
    {
      name: "maxReplay is ignored",
      from: "if (!entries || (!member.isCounted && entries.length > this.#maxReplay)) {",
      to: "if (!entries) {",
      tests: ["retention"],
    },
    {
      name: "maxReplay counts what was sent already",
      from: "member.isCounted = true;",
      to: "",
      tests: ["retention"],
    },
    {
      name: "a client is not told how far it has come without events",
      from: "if (member.stream.lastEventId !== this.#broadcast.lastId) this.#broadcast.greet(member);",
      to: "",
      tests: ["quiet"],
    },
    {
      name: "where live members begin is not known",
      from: 'this.#following = "yes";\n      this.#broadcast.lastId = this.#log.lastId;',
      to: 'this.#following = "yes";',
      tests: ["splice"],
    },
  ],
  "channel/broadcast.ts": [
    {
      name: "where live members are is not known",
      from: "if (entry.id) this.lastId = entry.id;",
      to: "",
      tests: ["splice"],
    },
    {
      name: "topics are for live events only",
      from: "if (!member.follows(entry.topic) || !this.#passes(member, entry)) return;",
      to: 'if (!this.#passes(member, entry) || (member.state === "live" && !member.follows(entry.topic))) return;',
      tests: ["splice"],
    },
    {
      name: "filters are for live events only",
      from: "if (!member.filter) return true;",
      to: 'if (!member.filter || member.state === "waiting") return true;',
      tests: ["quiet"],
    },
    {
      name: "who joins in the middle of an event gets it twice",
      from: "if (member.seen < position) this.#show(member, entry);",
      to: "this.#show(member, entry);",
      tests: ["channel/filters"],
    },
    {
      name: "who changes in the middle of an event misses it",
      from: "if (this.#current && member.seen < this.position) this.#show(member, this.#current);",
      to: "",
      tests: ["channel/filters"],
    },
    {
      name: "who leaves does not get what came before in the same turn",
      from: "leave(member: Member): void {\n    this.flushFor(member);",
      to: "leave(member: Member): void {",
      tests: ["channel/broadcast"],
    },
    {
      name: "who gets everything does not get it at the end of the turn",
      from: "onTurnEnd(): void {\n    this.flush();",
      to: "onTurnEnd(): void {",
      tests: ["turmoil"],
    },
    {
      name: "a batch is one frame for a client that has little room",
      from: "if (member.seen < position && member.delivery.hasRoomFor(all.text)) {",
      to: "if (member.seen < position) {",
      tests: ["channel/broadcast"],
    },
    {
      name: "who has got a part of a batch gets it again",
      from: "if (position <= member.seen) continue;",
      to: "",
      tests: ["channel/broadcast"],
    },
    {
      name: "who follows everything from now on gets what came before in the same turn",
      from: "member.seen = this.position;\n  }\n\n  /** Says",
      to: "}\n\n  /** Says",
      tests: ["channel/broadcast"],
    },
    {
      name: "what comes while a batch is brought overtakes it",
      from: "if (this.#bringing.length > 0) return;",
      to: "",
      tests: ["channel/broadcast"],
    },
    {
      name: "two channels in one turn are mixed up",
      from: "if (this.#turn.broadcast !== this) this.#turn.broadcast?.flush();",
      to: "",
      tests: ["channel/broadcast"],
    },
    {
      name: "an id of a batch is that of its first event",
      from: "id: ids.at(-1)",
      to: "id: ids[0]",
      tests: ["channel/broadcast"],
    },
    {
      name: "a resync has no id",
      from: 'createCursorFrame("resync", data, this.lastId || undefined)',
      to: 'createCursorFrame("resync", data, undefined)',
      tests: ["foreign-ids"],
    },
    {
      name: "a greeting is made once and for all",
      from: "if (!this.#ready || this.#ready.id !== id)",
      to: "if (!this.#ready)",
      tests: ["quiet"],
    },
  ],
  "channel/quiet-cursors.ts": [
    {
      name: "quiet clients fall out of the log by number",
      from: "this.#entries >= this.#maxEntries || ",
      to: "",
      tests: ["quiet"],
    },
    {
      name: "quiet clients fall out of the log by bytes",
      from: " || this.#bytes >= this.#maxBytes",
      to: "",
      tests: ["quiet"],
    },
    {
      name: "quiet clients fall out of the log by age",
      from: "if (this.dueAt < Infinity) findScheduler().schedule(this);",
      to: "",
      tests: ["quiet"],
    },
    {
      name: "quiet clients are told too late",
      from: "const SHARE = 4;",
      to: "const SHARE = 0.9;",
      tests: ["quiet"],
    },
    {
      name: "quiet clients are told for each event",
      from: "const SHARE = 4;",
      to: "const SHARE = 1_000;",
      tests: ["quiet"],
    },
  ],
  "channel/memory-event-log.ts": [
    {
      name: "ids are compared as strings",
      from: "if (!isOurs || sequence > this.#lastSequence) return undefined;",
      to: "if (!isOurs || id > this.lastId) return undefined;",
      tests: ["foreign-ids", "splice"],
    },
    {
      name: "another way to write an id counts",
      from: "Number.isInteger(sequence) && id === this.#idOf(sequence)",
      to: "Number.isInteger(sequence) && id.startsWith(this.#epoch)",
      tests: ["foreign-ids"],
    },
    {
      name: "an id counts whatever its epoch",
      from: "Number.isInteger(sequence) && id === this.#idOf(sequence)",
      to: "Number.isInteger(sequence)",
      tests: ["foreign-ids"],
    },
    {
      name: "an id from the future has missed nothing",
      from: "if (!isOurs || sequence > this.#lastSequence) return undefined;",
      to: "if (!isOurs) return undefined;",
      tests: ["foreign-ids"],
    },
    {
      name: "what has left the log is passed over in silence",
      from: "if (!kept) return undefined;",
      to: "if (!kept) continue;",
      tests: ["retention"],
    },
    {
      name: "an id is evicted with its own entry",
      from: "for (let next = sequence + 1; next <= end; next++) {",
      to: "if (!this.#kept.has(sequence)) return undefined;\n    for (let next = sequence + 1; next <= end; next++) {",
      tests: ["retention"],
    },
    {
      name: "nothing is too old",
      from: "if (fits && at >= eldest) break;",
      to: "if (fits) break;",
      tests: ["retention"],
    },
  ],
  "channel/followers.ts": [
    {
      name: "an event within an event overtakes it",
      from: "if (this.#untold.push({ entry, listeners: [...this.#listeners] }) > 1) return;",
      to: "for (const listener of this.#listeners) listener.entry(entry);",
      tests: ["turmoil"],
    },
  ],
  "channel/member.ts": [
    {
      name: "add() hangs for who leaves before the end of the replay",
      from: "this.#settleJoined(false);",
      to: "",
      tests: ["splice"],
    },
  ],
  "channel/event-channel.ts": [
    {
      name: "a channel that closes leaves its streams open",
      from: "const ends = streams.map(",
      to: "const ends = streams.slice(1).map(",
      tests: ["splice"],
    },
    {
      name: "all clients of a channel that closes come back at once",
      from: "end(each, (i + Math.random()) / streams.length)",
      to: "end(each, Math.random() / streams.length)",
      tests: ["goodbye"],
    },
    {
      name: "who comes when the channel is closed for good closes others",
      from: "delivery.feeders ??= [];",
      to: "",
      tests: ["goodbye"],
    },
  ],
  "core/stream.ts": [
    {
      name: "close(true) in a channel closes everybody with the same id",
      from: "if (noReconnect && !this.#delivery.feeders) {",
      to: "if (noReconnect) {",
      tests: ["goodbye"],
    },
  ],
  "core/shared-text.ts": [
    {
      name: "shared texts that follow each other are mixed up",
      from: "const isKnown = this.#appended === other;",
      to: "const isKnown = true;",
      tests: ["turmoil", "splice", "quiet"],
    },
  ],
};

const root = join(import.meta.dirname, "../..");
const [, , word = ""] = process.argv;
const copy = mkdtempSync(join(tmpdir(), "event-endpoint-mutation-"));
let planted = 0;
let missed = 0;
try {
  for (const part of ["src", "test", "package.json", "vitest.config.ts", "tsconfig.json"]) {
    cpSync(join(root, part), join(copy, part), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  const all = Object.values(MUTANTS).flatMap((mutants) => mutants.flatMap(({ tests }) => tests));
  const passes = pass([...new Set(all)], 600_000, "inherit");
  report("the sources as they are", passes ? "pass" : "FAIL", !passes);
  for (const [file, mutants] of Object.entries(MUTANTS)) {
    const path = join(copy, "src", file);
    const source = readFileSync(path, "utf8");
    for (const { name, from, to, tests } of mutants.filter(({ name }) => name.includes(word))) {
      planted++;
      const mutant = source.replace(from, () => to);
      if (mutant === source) {
        report(name, "cannot be planted: the sources have changed", true);
        continue;
      }
      writeFileSync(path, mutant);
      const survived = pass(tests);
      report(name, survived ? "SURVIVED" : "caught", survived);
    }
    writeFileSync(path, source);
  }
} finally {
  rmSync(copy, { recursive: true });
}
console.log(`${planted - missed} of ${planted} caught`);
process.exitCode = missed > 0 ? 1 : 0;

/** Do these tests pass on the copy as it is? A hang is a failure, too. */
function pass(tests, timeout = 60_000, output = "ignore") {
  const files = tests.map((name) => `test/${name.includes("/") ? "" : "delivery/"}${name}.test.ts`);
  const { status } = spawnSync(
    process.execPath,
    [
      join(root, "node_modules/vitest/vitest.mjs"),
      "run",
      "--bail",
      "1",
      "--reporter",
      "dot",
      ...files,
    ],
    { cwd: copy, stdio: ["ignore", output, output], timeout },
  );
  return status === 0;
}

function report(name, result, isBad) {
  if (isBad) missed++;
  console.log(`${result.padEnd(8)} ${name}`);
}
