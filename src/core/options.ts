import { sharedClosedClients } from "./closed-clients.ts";
import { invalid, readLine, readRetry } from "./frame.ts";
import type { ClosedClients, EventEndpointOptions } from "./types.ts";

/** Options that are amounts; `Infinity` turns each of them off. */
interface Amounts {
  keepAlive: number;
  highWaterMark: number;
  maxBufferedAmount: number;
  stallTimeout: number;
  maxDuration: number;
}

/** The options of one stream, checked and complete. */
export interface StreamOptions extends Amounts {
  reconnectionTime: number | undefined;
  serialize: (data: unknown) => unknown;
  signal: AbortSignal | undefined;
  closedClients: ClosedClients;
  closedClientsScope: string;
  closeEvent: string;
  lastEventIdParams: boolean;
  onError: EventEndpointOptions["onError"];
}

/** Checks options and fills in the defaults. @throws TypeError naming the first one that is wrong. */
export function readOptions({
  reconnectionTime,
  keepAlive = true,
  serialize = JSON.stringify,
  highWaterMark = 65_536,
  maxBufferedAmount = 1_048_576,
  stallTimeout = 10_000,
  maxDuration = Infinity,
  signal,
  closedClients = sharedClosedClients(),
  closedClientsScope = "",
  closeEvent,
  lastEventIdParams = true,
  onError,
}: EventEndpointOptions = {}): StreamOptions {
  // Bun drops a connection that was silent for 10 s, common proxies one of 30 s or more.
  const keepAliveMs = keepAlive === true ? ("Bun" in globalThis ? 8_000 : 15_000) : keepAlive;
  const amounts: Amounts = {
    // No time at all means none of it.
    keepAlive: keepAliveMs || Infinity,
    highWaterMark,
    maxBufferedAmount,
    stallTimeout,
    maxDuration,
  };
  for (const [name, value] of Object.entries(amounts)) {
    check(name, "a number that is not negative", typeof value === "number" && value >= 0, value);
  }
  check("serialize", "a function", typeof serialize === "function", serialize);
  check("closedClients", "{ has(), add() }", "has" in closedClients, closedClients);
  return {
    ...amounts,
    reconnectionTime: pickRetry(reconnectionTime),
    serialize,
    signal,
    closedClients,
    closedClientsScope,
    // An event without a type could not be listened for.
    closeEvent: readLine("closeEvent", closeEvent) || "close",
    lastEventIdParams,
    onError,
  };
}

function pickRetry(time: EventEndpointOptions["reconnectionTime"]): number | undefined {
  const [min, max = min] = [time].flat().map((value) => readRetry("reconnectionTime", value));
  if (min === undefined || max === undefined) return undefined;
  check("reconnectionTime", "one number, or [min, max]", min <= max, `${min}, ${max}`);
  return Math.floor(min + Math.random() * (max - min + 1));
}

function check(name: string, expected: string, isValid: boolean, value: unknown): void {
  if (!isValid) throw invalid(name, `must be ${expected}`, value);
}
