import { sharedClosedClients } from "./closed-clients.ts";
import { isObjectWith } from "./events.ts";
import { invalid, readLine, readRetry } from "./frame.ts";
import type { ClosedClients, EventEndpointOptions } from "./types.ts";

/** The options of one stream, checked and complete. */
export interface StreamOptions extends Pick<
  EventEndpointOptions,
  "signal" | "closedClientsScope" | "onError"
> {
  reconnectionTime: number | undefined;
  serialize: (data: unknown) => unknown;
  closedClients: ClosedClients;
  closeEvent: string;
  /** Amounts; `Infinity` turns each of them off. */
  keepAlive: number;
  highWaterMark: number;
  maxBufferedAmount: number;
  stallTimeout: number;
  maxDuration: number;
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
  closedClients = sharedClosedClients(),
  closeEvent,
  signal,
  closedClientsScope,
  onError,
}: EventEndpointOptions): StreamOptions {
  // Bun drops a connection that was silent for 10 s, common proxies one of 30 s or more.
  const keepAliveMs = keepAlive === true ? ("Bun" in globalThis ? 8_000 : 15_000) : keepAlive;
  const amounts = {
    keepAlive: keepAliveMs === false ? Infinity : keepAliveMs,
    highWaterMark,
    maxBufferedAmount,
    stallTimeout,
    maxDuration,
  };
  for (const [name, value] of Object.entries(amounts)) {
    check(name, "a number from 0", typeof value === "number" && value >= 0, value);
  }
  check("serialize", "a function", typeof serialize === "function", serialize);
  const isRegistry = isObjectWith(closedClients, "has") && isObjectWith(closedClients, "add");
  check("closedClients", "{ has(), add() }", isRegistry, closedClients);
  check("signal", "an AbortSignal", !signal || isObjectWith(signal, "addEventListener"), signal);
  // Spelled out: of what is spread into it, V8 makes a hidden class for each object.
  return {
    signal,
    closedClientsScope,
    onError,
    // Whoever sends as fast as it is told to must not reach the limit.
    highWaterMark: Math.min(highWaterMark, maxBufferedAmount),
    maxBufferedAmount,
    stallTimeout,
    maxDuration,
    // No time at all means never.
    keepAlive: amounts.keepAlive || Infinity,
    reconnectionTime: pickRetry(reconnectionTime),
    serialize,
    closedClients,
    // An event without a type could not be listened for.
    closeEvent: readLine("closeEvent", closeEvent) || "close",
  };
}

function pickRetry(time: EventEndpointOptions["reconnectionTime"]): number | undefined {
  return time == null ? undefined : pickTime(readTimes("reconnectionTime", time), Math.random());
}

/** Checks one time, or a range of them. @throws TypeError if a client would not take each of them. */
export function readTimes(name: string, times: unknown): readonly [min: number, max: number] {
  const [min = -1, max = min, ...more] = [times].flat().map((time) => readRetry(name, time));
  check(name, "a number or [min, max]", 0 <= min && min <= max && !more.length, times);
  return [min, max];
}

/** The time that lies at this share, from 0 to below 1, of a range. */
export function pickTime([min, max]: readonly [min: number, max: number], share: number): number {
  return min + Math.floor(share * (max - min + 1));
}

function check(name: string, expected: string, isValid: boolean, value: unknown): void {
  if (!isValid) throw invalid(name, `must be ${expected}`, value);
}
