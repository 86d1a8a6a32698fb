import type { EventLogListener, EventMessage, LogEntry } from "../../src/index.ts";
import { SimpleLog, type Storage } from "./simple-log.ts";

/** A log with one fault, and the checks that have to find it. */
export interface BrokenLog {
  readonly fault: string;
  readonly Log: new (storage?: Storage) => SimpleLog;
  readonly found: readonly string[];
}

const IDS = "gives every entry an id that a client can bring back";
const OWN_IDS = "gives every entry an id of its own, also when many are appended at once";
const KEEPS = "keeps what an entry says";
const AFTER = "answers after() with what came after, oldest first";
const LIMIT = "answers after() with no more than was asked for";
const FORGED = "knows no id but those that it gave";
const FUTURE = "does not know an id that is not given yet";
const EVICTED = "knows an id until an entry after it is gone";
const TELLS = "tells who follows it every entry once and in order";
const DISPOSED = "tells nothing any more once a listener is disposed of";
const BEGINNING = "has a last id before the first entry, from which nothing is lost";
const LAST_ID = "says with the last id where a listener begins";
const ORDER = "tells everybody in the same order, also of what a listener appends";
const TRANSIENT = "passes transient entries on, and keeps none of them";
const PROCESSES = "is the same log for every process";
const PROCESSES_TRANSIENT = "passes transient entries on to every process";

/** What people who write a log get wrong. */
export const BROKEN_LOGS: readonly BrokenLog[] = [
  {
    fault: "gives ids that are only numbers",
    Log: class extends SimpleLog {
      override idOf = (sequence: number) => `${sequence}`;
      override readSequence = (id: string) => (/^\d+$/.test(id) ? Number(id) : undefined);
    },
    found: [IDS],
  },
  {
    fault: "gives ids that are too long",
    Log: class extends SimpleLog {
      override idOf = (sequence: number) => `${"x".repeat(63)}-${sequence}`;
    },
    found: [IDS],
  },
  {
    fault: "gives ids that are not ASCII",
    Log: class extends SimpleLog {
      override idOf = (sequence: number) => `é-${sequence}`;
    },
    found: [IDS],
  },
  {
    fault: "gives ids that are not trimmed",
    Log: class extends SimpleLog {
      override idOf = (sequence: number) => ` e-${sequence}`;
    },
    found: [IDS],
  },
  {
    fault: "gives the same id to entries that come at once",
    Log: class extends SimpleLog {
      override nextId({ transient }: EventMessage): string {
        const { length } = this.storage.entries;
        return transient ? "" : this.idOf(length + 1 - (length % 2));
      }
    },
    found: [OWN_IDS, AFTER],
  },
  {
    fault: "loses fields that are falsy",
    Log: class extends SimpleLog {
      override append({ data, event, retry, topic, transient }: EventMessage) {
        const others = {
          ...(event && { event }),
          ...(retry && { retry }),
          ...(topic && { topic }),
        };
        return super.append({ data, ...others, transient });
      }
    },
    found: [KEEPS],
  },
  {
    fault: "trims data",
    Log: class extends SimpleLog {
      override append(message: EventMessage) {
        return super.append({ ...message, data: message.data.replace(/\r\n?/g, "\n").trimEnd() });
      }
    },
    found: [KEEPS],
  },
  {
    fault: "keeps no topics",
    Log: class extends SimpleLog {
      override entriesAfter(sequence: number, limit: number): LogEntry[] {
        return super.entriesAfter(sequence, limit).map((entry) => ({ ...entry, topic: undefined }));
      }
    },
    found: [KEEPS],
  },
  {
    fault: "answers another entry than it keeps",
    Log: class extends SimpleLog {
      override append(message: EventMessage) {
        const entry = super.append(message) as LogEntry;
        return { ...entry, id: this.idOf(this.storage.entries.length - 1) };
      }
    },
    found: [KEEPS, AFTER, TELLS],
  },
  {
    fault: "has the entry itself in after()",
    Log: class extends SimpleLog {
      override entriesAfter(sequence: number, limit: number): LogEntry[] {
        return super.entriesAfter(Math.max(0, sequence - 1), limit);
      }
    },
    found: [AFTER, LIMIT, EVICTED, LAST_ID],
  },
  {
    fault: "jumps over an entry in after()",
    Log: class extends SimpleLog {
      override entriesAfter = (sequence: number, limit: number) =>
        super.entriesAfter(sequence + 1, limit);
    },
    found: [AFTER, KEEPS, LIMIT, EVICTED, BEGINNING],
  },
  {
    fault: "compares ids as text",
    Log: class extends SimpleLog {
      override after(id: string, limit: number) {
        const entries = super.after(id, limit) && this.storage.entries;
        return entries?.filter((entry) => entry.id > id).slice(0, limit);
      }
    },
    found: [AFTER],
  },
  {
    fault: "answers after() newest first",
    Log: class extends SimpleLog {
      override entriesAfter = (sequence: number, limit: number) =>
        super.entriesAfter(sequence, limit).reverse();
    },
    found: [KEEPS, AFTER, LIMIT, EVICTED],
  },
  {
    fault: "does not look at the limit",
    Log: class extends SimpleLog {
      override entriesAfter = (sequence: number) => super.entriesAfter(sequence, Infinity);
    },
    found: [LIMIT],
  },
  {
    fault: "gives the newest, when there is a limit",
    Log: class extends SimpleLog {
      override entriesAfter = (sequence: number, limit: number) =>
        super.entriesAfter(sequence, Infinity).slice(-limit);
    },
    found: [LIMIT],
  },
  {
    fault: "gives fewer than there are, and than were asked for",
    Log: class extends SimpleLog {
      override entriesAfter = (sequence: number, limit: number) =>
        super.entriesAfter(sequence, Math.min(limit, 10));
    },
    found: [AFTER, LIMIT],
  },
  {
    fault: "takes any way to write a number (-01, -1e3, -0x1)",
    Log: class extends SimpleLog {
      override readSequence(id: string): number | undefined {
        const [epoch, text] = id.split("-");
        return epoch === this.storage.epoch && text
          ? Math.trunc(Number(text)) || undefined
          : undefined;
      }
    },
    found: [FORGED],
  },
  {
    fault: "takes -01 for -1",
    Log: class extends SimpleLog {
      override readSequence(id: string): number | undefined {
        const [, epoch, text] = /^(.*)-(\d+)$/.exec(id) ?? [];
        return epoch === this.storage.epoch ? Number(text) : undefined;
      }
    },
    found: [FORGED],
  },
  {
    fault: "takes 1e3 for 1 (parseInt)",
    Log: class extends SimpleLog {
      override readSequence(id: string): number | undefined {
        const [epoch, text = ""] = id.split("-");
        const sequence = parseInt(text, 10);
        return epoch === this.storage.epoch && !Number.isNaN(sequence) ? sequence : undefined;
      }
    },
    found: [FORGED],
  },
  {
    fault: "does not look at the epoch",
    Log: class extends SimpleLog {
      override readSequence(id: string): number | undefined {
        const text = /-(0|[1-9]\d*)$/.exec(id)?.[1];
        return text ? Number(text) : undefined;
      }
    },
    found: [FORGED],
  },
  {
    fault: "takes what it does not know for the beginning",
    Log: class extends SimpleLog {
      override readSequence = (id: string) => super.readSequence(id) ?? 0;
    },
    found: [FORGED],
  },
  {
    fault: "takes what it does not know for the end",
    Log: class extends SimpleLog {
      override after(id: string, limit: number) {
        return super.after(id, limit) ?? [];
      }
    },
    found: [FORGED, FUTURE],
  },
  {
    fault: "throws at what it does not know",
    Log: class extends SimpleLog {
      override after(id: string, limit: number) {
        const entries = super.after(id, limit);
        if (!entries) throw new Error("Unknown id");
        return entries;
      }
    },
    found: [FORGED, FUTURE, EVICTED],
  },
  {
    fault: "knows ids of the future",
    Log: class extends SimpleLog {
      override after(id: string, limit: number) {
        const isFuture = (this.readSequence(id) ?? 0) > this.storage.entries.length;
        return isFuture ? [] : super.after(id, limit);
      }
    },
    found: [FUTURE],
  },
  {
    fault: "hides that entries are gone",
    Log: class extends SimpleLog {
      override after(id: string, limit: number) {
        const { entries, evicted } = this.storage;
        const sequence = this.readSequence(id);
        // Something is left over of it for a while, which the next two of ten do not fill.
        if (sequence === evicted - 1) return entries.slice(evicted, evicted + limit);
        return super.after(id, limit);
      }
    },
    found: [EVICTED],
  },
  {
    fault: "keeps fewer entries than it says",
    Log: class extends SimpleLog {
      override evict(): void {
        this.storage.evicted = Math.max(0, this.storage.entries.length - 90);
      }
    },
    found: [EVICTED],
  },
  {
    fault: "forgets the last id",
    Log: class extends SimpleLog {
      override maxEntries = 5;
      override after(id: string, limit: number) {
        const { length } = this.storage.entries;
        return length > 5 && this.readSequence(id) === length ? undefined : super.after(id, limit);
      }
    },
    found: [AFTER, EVICTED],
  },
  {
    fault: "tells entries twice",
    Log: class extends SimpleLog {
      override tellNow(entry: LogEntry): void {
        super.tellNow(entry);
        super.tellNow(entry);
      }
    },
    found: [TELLS, DISPOSED, TRANSIENT],
  },
  {
    fault: "tells the last entry again, later",
    Log: class extends SimpleLog {
      #last: LogEntry | undefined;
      override tellNow(entry: LogEntry): void {
        if (this.#last) super.tellNow(this.#last);
        super.tellNow(entry);
        this.#last = entry;
      }
    },
    found: [TELLS],
  },
  {
    fault: "tells entries out of order",
    Log: class extends SimpleLog {
      #held: LogEntry | undefined;
      override tellNow(entry: LogEntry): void {
        const held = this.#held;
        this.#held = held ? undefined : entry;
        if (!held) return;
        super.tellNow(entry);
        super.tellNow(held);
      }
    },
    found: [TELLS],
  },
  {
    fault: "does not tell one entry in ten",
    Log: class extends SimpleLog {
      override tellNow(entry: LogEntry): void {
        if (!entry.id.endsWith("0")) super.tellNow(entry);
      }
    },
    found: [TELLS],
  },
  {
    fault: "tells a gap for each entry",
    Log: class extends SimpleLog {
      override tellNow(entry: LogEntry): void {
        for (const listener of this.listeners) listener.gap();
        super.tellNow(entry);
      }
    },
    found: [TELLS],
  },
  {
    fault: "tells nothing of what this process appends",
    Log: class extends SimpleLog {
      override append(message: EventMessage) {
        const { listeners } = this;
        const kept = [...listeners];
        listeners.clear();
        const entry = super.append(message);
        for (const each of kept) listeners.add(each);
        return entry;
      }
    },
    found: [TELLS, DISPOSED, BEGINNING, PROCESSES],
  },
  {
    fault: "tells who comes late what was before",
    Log: class extends SimpleLog {
      override follow(listener: EventLogListener) {
        for (const entry of this.storage.entries) listener.entry(entry);
        return super.follow(listener);
      }
    },
    found: [TELLS, LAST_ID],
  },
  {
    fault: "goes on telling who was disposed of",
    Log: class extends SimpleLog {
      override unfollow(): void {}
    },
    found: [DISPOSED],
  },
  {
    fault: "stops telling everybody when one is disposed of",
    Log: class extends SimpleLog {
      override unfollow(): void {
        this.listeners.clear();
      }
    },
    found: [DISPOSED],
  },
  {
    fault: "gives nothing that could be disposed of",
    Log: class extends SimpleLog {
      override follow(listener: EventLogListener) {
        void super.follow(listener);
        return undefined as never;
      }
    },
    found: [DISPOSED, TELLS],
  },
  {
    fault: "has no last id before the first entry",
    Log: class extends SimpleLog {
      override lastId = "";
    },
    found: [BEGINNING],
  },
  {
    fault: "begins with an id that it does not know",
    Log: class extends SimpleLog {
      override lastId = "0-0";
    },
    found: [BEGINNING],
  },
  {
    fault: "has the next id for its last",
    Log: class extends SimpleLog {
      override follow(listener: EventLogListener) {
        this.lastId = this.idOf(this.storage.entries.length + 1);
        return super.follow(listener);
      }
    },
    found: [BEGINNING, LAST_ID],
  },
  {
    fault: "does not move its last id with what it tells",
    Log: class extends SimpleLog {
      override tellNow(entry: LogEntry): void {
        const { lastId } = this;
        super.tellNow(entry);
        this.lastId = lastId;
      }
    },
    found: [BEGINNING, LAST_ID, TRANSIENT],
  },
  {
    fault: "tells what a listener appends before the others know what it is about",
    Log: class extends SimpleLog {
      override tell(entry: LogEntry): void {
        this.tellNow(entry);
      }
    },
    found: [ORDER],
  },
  {
    fault: "stops telling when a listener appends",
    Log: class extends SimpleLog {
      #isBusy = false;
      override tell(entry: LogEntry): void {
        if (this.#isBusy) return;
        this.#isBusy = true;
        super.tell(entry);
        this.#isBusy = false;
      }
    },
    found: [ORDER],
  },
  {
    fault: "never tells anything again when a listener appends",
    Log: class extends SimpleLog {
      #isBusy = false;
      override tell(entry: LogEntry): void {
        if (this.#isBusy) throw new Error("busy");
        this.#isBusy = true;
        super.tell(entry);
        this.#isBusy = false;
      }
    },
    found: [ORDER],
  },
  {
    fault: "keeps transient entries",
    Log: class extends SimpleLog {
      override isKept = () => true;
    },
    found: [TRANSIENT],
  },
  {
    fault: "gives transient entries an id",
    Log: class extends SimpleLog {
      override nextId = () => this.idOf(this.storage.entries.length + 1);
    },
    found: [TRANSIENT],
  },
  {
    fault: "does not tell transient entries",
    Log: class extends SimpleLog {
      override tellNow(entry: LogEntry): void {
        if (!entry.transient) super.tellNow(entry);
      }
    },
    found: [TRANSIENT, PROCESSES_TRANSIENT],
  },
  {
    fault: "does not say of a transient entry that it is one",
    Log: class extends SimpleLog {
      override tellNow(entry: LogEntry): void {
        super.tellNow({ ...entry, transient: undefined });
      }
    },
    found: [TRANSIENT],
  },
  {
    fault: "has no last id any more after a transient entry",
    Log: class extends SimpleLog {
      override tellNow(entry: LogEntry): void {
        super.tellNow(entry);
        if (entry.transient) this.lastId = "";
      }
    },
    found: [TRANSIENT],
  },
  {
    fault: "tells a process only what it appended itself",
    Log: class extends SimpleLog {
      override append(message: EventMessage) {
        const { logs } = this.storage;
        const all = logs.splice(0, logs.length, this);
        const entry = super.append(message);
        logs.splice(0, 1, ...all);
        return entry;
      }
    },
    found: [PROCESSES, PROCESSES_TRANSIENT],
  },
  {
    fault: "passes transient entries on within the process only",
    Log: class extends SimpleLog {
      override append(message: EventMessage) {
        if (!message.transient) return super.append(message);
        const entry = { ...message, id: "" };
        this.tell(entry);
        return entry;
      }
    },
    found: [PROCESSES_TRANSIENT],
  },
  {
    fault: "tells each process its own entries first",
    Log: class extends SimpleLog {
      override append(message: EventMessage) {
        const { logs } = this.storage;
        const others = logs.splice(0, logs.length, this).filter((log) => log !== this);
        const entry = super.append(message) as LogEntry;
        logs.push(...others);
        queueMicrotask(() => {
          for (const log of others) log.tell(entry);
        });
        return entry;
      }
    },
    found: [PROCESSES],
  },
];
