import type { RequestInfo } from "../../core/request.ts";

/** Reads what the core wants to know of a Fetch request. */
export function readFetchRequest(request: Request): RequestInfo {
  return {
    method: request.method,
    url: request.url,
    header: (name) => request.headers.get(name),
  };
}

/**
 * Is it a Fetch `Request`? By shape: some frameworks have a class of their own. Node's headers are
 * a plain object.
 */
export function isFetchRequest(request: unknown): request is Request {
  return typeof (request as Partial<Request> | undefined)?.headers?.get === "function";
}
