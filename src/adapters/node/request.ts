import { invalid } from "../../core/frame.ts";
import type { RequestInfo } from "../../core/request.ts";
import { unpolluted } from "../../core/unpolluted.ts";
import type { NodeRequest } from "./types.ts";

/**
 * Reads what the core wants to know of a Node request.
 *
 * @throws TypeError if it is none
 */
export function readNodeRequest(request: NodeRequest | undefined): RequestInfo {
  if (typeof request?.headers !== "object") {
    throw invalid("request", "must be a Request or an http.IncomingMessage", request);
  }
  const { method, url, headers } = request;
  return { method, url, header: (name) => [unpolluted(headers)[name]].flat().join(", ") };
}
