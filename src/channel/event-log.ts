/** An event as a channel hands it to its log: nothing in it depends on who gets it. */
export interface EventMessage {
  /** What the client gets as data; serialised already. */
  data: string;
  /** The event's type; absent means `message`. */
  event?: string | undefined;
  /** Milliseconds that clients wait before they reconnect. */
  retry?: number | undefined;
  /** Only members that follow this topic get it, and those that follow no topics in particular. */
  topic?: string | undefined;
  /** Whether it is only for those who are there now: it gets no id and is not kept. */
  transient?: boolean | undefined;
}

/** An event that has its place in the log. */
export interface LogEntry extends EventMessage {
  /**
   * `<epoch>-<sequence>`, printable ASCII, at most 64 bytes; `""` if it is transient. Another epoch
   * means that the log has lost its history.
   */
  id: string;
}

/** Is told of what happens in a log. */
export interface EventLogListener {
  /** The next entry, whoever appended it, in the order of the log; one call for each entry. */
  entry(entry: LogEntry): void;
  /** Entries were lost before they could be told, and `lastId` is where the log goes on. */
  gap(): void;
}

/**
 * The one contract between a channel and its storage. The memory of the process and Redis
 * implement it; `event-endpoint/testing` has the tests for others.
 */
export interface EventLog {
  /**
   * Gives the message its id and keeps it. Whoever follows is told, this process included.
   *
   * A promise that rejects means that it may or may not appear later, at most once.
   */
  append(message: EventMessage): LogEntry | Promise<LogEntry>;
  /**
   * The entries after this one, oldest first, at most `limit`: fewer only if there are no more at
   * the time. `undefined` if it cannot be told what came after: the id is none of this log's, is not
   * given yet, or an entry after it is gone. Transient entries are in no answer.
   */
  after(
    id: string,
    limit: number,
  ): readonly LogEntry[] | undefined | Promise<readonly LogEntry[] | undefined>;
  /**
   * The id of the last entry that followers were told of, or of where they begin. Valid once
   * `follow()` has resolved.
   */
  readonly lastId: string;
  /** Tells the listener every entry from now on, from any process, until it is disposed of. */
  follow(listener: EventLogListener): Disposable | Promise<Disposable>;
  /**
   * How many entries are kept, as far as it is known. Channels move the cursor of quiet clients
   * before it falls out.
   */
  readonly maxEntries?: number | undefined;
  /** Likewise, bytes of data. */
  readonly maxBytes?: number | undefined;
  /** Likewise, milliseconds. */
  readonly maxAge?: number | undefined;
}
