import { invalid } from "../../core/frame.ts";
import type { RequestInfo } from "../../core/request.ts";
import type { NodeRequest, NodeResponse } from "./types.ts";

/** Reads what the core wants to know of a Node request. */
export function readNodeRequest(request: NodeRequest): RequestInfo {
  return {
    method: request.method ?? "GET",
    url: request.url ?? "",
    header(name) {
      const value = request.headers[name];
      return Array.isArray(value) ? value.join(", ") : value;
    },
  };
}

/**
 * Checks the response before anything is done to it.
 *
 * @throws TypeError if it is none, or has been answered already
 */
export function checkNodeResponse(response: NodeResponse | undefined): NodeResponse {
  if (typeof response?.writeHead !== "function" || typeof response.setHeader !== "function") {
    const hint = "must be the http.ServerResponse (reply.raw in Fastify, ctx.res in Koa)";
    throw invalid("response", hint, response);
  }
  // A client that left is no error: the endpoint will be closed.
  if (response.headersSent && !response.destroyed) {
    throw invalid("response", "has its headers sent already", response);
  }
  return response;
}
