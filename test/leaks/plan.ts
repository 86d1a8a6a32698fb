/** What the program is to do: over which implementation, how often, and what to leave behind. */
export interface Plan {
  readonly subject: "EventEndpoint" | "naive";
  readonly cycles: number;
  /** Whether one cycle in a thousand leaves an endpoint, a listener, a channel and a timer behind. */
  readonly plants?: boolean;
}

/** What the program found in itself when everybody had left. */
export interface Report {
  readonly opened: number;
  readonly closed: number;
  /** Endpoints that are still there after garbage collection. */
  readonly alive: number;
  /** Channels that nobody has any more, likewise. */
  readonly channels: number;
  /** Members of the channel that all joined. */
  readonly members: number;
  /** Timers made by anybody but Node that are still to fire. */
  readonly timers: number;
  /** Listeners on objects that outlive endpoints: more, or fewer, than at the start. */
  readonly listeners: Readonly<Record<string, number>>;
  /** What keeps the process running, by the names of Node: more, or less, than at the start. */
  readonly resources: Readonly<Record<string, number>>;
  /** Bytes of the heap after the first and after the second half. */
  readonly heap: readonly [number, number];
  /** Warnings, rejections nobody handled and exceptions nobody caught. */
  readonly faults: readonly string[];
}

/** Says everything that a report tells against its implementation. */
export function findLeaks(report: Report, { cycles }: Plan): string[] {
  const leaks: string[] = [];
  const note = (isLeak: boolean, text: string) => void (isLeak && leaks.push(text));
  note(report.closed !== report.opened, `${report.closed} close events of ${report.opened}`);
  note(report.alive !== 0, `${report.alive} endpoints alive`);
  note(report.channels !== 0, `${report.channels} channels alive`);
  note(report.members !== 0, `${report.members} members`);
  note(report.timers !== 0, `${report.timers} timers`);
  for (const [name, count] of Object.entries(report.listeners)) {
    note(count !== 0, `${count} listeners: ${name}`);
  }
  for (const [name, count] of Object.entries(report.resources)) {
    note(count !== 0, `${count} resources: ${name}`);
  }
  // A megabyte is the noise of the measurement and of the compiler; a kept response has kilobytes.
  const growth = report.heap[1] - report.heap[0];
  note(growth > 1_048_576 + (cycles / 2) * 32, `${growth} bytes of heap`);
  for (const fault of report.faults) leaks.push(`fault: ${fault}`);
  return leaks;
}
