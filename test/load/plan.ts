/** What a server answers its clients with. */
export type Subject =
  | "EventEndpoint"
  /** The head and a first byte, written by hand; nothing comes after it. */
  | "bare"
  /** Endpoints, of which one in a hundred is destroyed. */
  | "dropping"
  /** Endpoints, with something kept for each. */
  | "hoarding"
  /** An interval for each response, that nobody clears. */
  | "naive";

export interface Plan {
  readonly subject: Subject;
  /** The endpoints' option. */
  readonly keepAlive: number;
  /** How often something is sent to everybody who is there; not at all by default. */
  readonly broadcastMs?: number | undefined;
}

/** What a server finds in itself, after garbage collection. */
export interface Report {
  readonly opened: number;
  /** Close events: of the endpoint, or of the response of those who make none. */
  readonly closed: number;
  /** Bytes of the process, and those of them that are known to be in use. */
  readonly rss: number;
  readonly heap: number;
  /** Milliseconds of a core that the process took so far. */
  readonly cpuMs: number;
  /** What keeps the process running, by the names of Node. */
  readonly resources: readonly string[];
  /** Warnings, rejections nobody handled and exceptions nobody caught. */
  readonly faults: readonly string[];
}

/** What a server is asked for: its report, now or when everybody has left. */
export type Question = "report" | "report when idle";
