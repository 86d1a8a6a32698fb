import { sharedClosedClients } from "./closed-clients.ts";
import type { DeliveryLimits } from "./delivery.ts";
import { invalid, readEventName, readRetry } from "./frame.ts";
import type { EventEndpointOptions } from "./types.ts";

const ACTION = "open an event stream";

/** The options of one stream, checked and complete. */
export interface StreamOptions extends DeliveryLimits {
  reconnectionTime: number | undefined;
  serialize: (data: unknown) => unknown;
  signal: AbortSignal | undefined;
  closedClients: NonNullable<EventEndpointOptions["closedClients"]>;
  closedClientsScope: string;
  closeEvent: string;
  lastEventIdParams: boolean;
  onError: EventEndpointOptions["onError"];
}

/** Checks options and fills in the defaults. @throws TypeError naming the first one that is wrong. */
export function readOptions({
  reconnectionTime,
  keepAlive = defaultKeepAlive(),
  serialize = JSON.stringify,
  highWaterMark = 65_536,
  maxBufferedAmount = 1_048_576,
  stallTimeout = 10_000,
  maxDuration = Infinity,
  signal,
  closedClients = sharedClosedClients(),
  closedClientsScope = "",
  closeEvent = "close",
  lastEventIdParams = true,
  onError,
}: EventEndpointOptions = {}): StreamOptions {
  if (typeof serialize !== "function") {
    throw invalid(ACTION, "serialize", "must be a function", serialize);
  }
  if (typeof closedClients.has !== "function" || typeof closedClients.add !== "function") {
    throw invalid(ACTION, "closedClients", "must have the methods has() and add()");
  }
  return {
    reconnectionTime: pickReconnectionTime(reconnectionTime),
    keepAliveMs: keepAlive === false ? Infinity : readAmount("keepAlive", keepAlive) || Infinity,
    serialize,
    highWaterMark: readAmount("highWaterMark", highWaterMark),
    maxBufferedAmount: readAmount("maxBufferedAmount", maxBufferedAmount),
    stallTimeoutMs: readAmount("stallTimeout", stallTimeout) || Infinity,
    maxDurationMs: readAmount("maxDuration", maxDuration) || Infinity,
    signal,
    closedClients,
    closedClientsScope,
    // An event without a type could not be listened for.
    closeEvent: readEventName(ACTION, closeEvent) || "close",
    lastEventIdParams,
    onError,
  };
}

/** Bun drops a connection that was silent for 10 s; common proxies do after 30 s or more. */
function defaultKeepAlive(): number {
  return "Bun" in globalThis ? 8_000 : 15_000;
}

function readAmount(name: string, value: unknown): number {
  if (typeof value === "number" && value >= 0) return value;
  throw invalid(ACTION, name, "must be a number that is not negative", value);
}

function pickReconnectionTime(time: EventEndpointOptions["reconnectionTime"]): number | undefined {
  if (!Array.isArray(time)) return readRetry(ACTION, "reconnectionTime", time);
  const [min, max] = time.map((value) => readRetry(ACTION, "reconnectionTime", value));
  if (time.length !== 2 || min === undefined || max === undefined || min > max) {
    throw invalid(ACTION, "reconnectionTime", "must be one number, or [min, max]");
  }
  return Math.floor(min + Math.random() * (max - min + 1));
}
