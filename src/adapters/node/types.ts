/**
 * The parts of Node's classes that the adapter uses, by shape: `http.IncomingMessage`,
 * `http2.Http2ServerRequest`, and what frameworks make of them.
 */
export interface NodeRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** `http.ServerResponse`, `http2.Http2ServerResponse`, and what frameworks make of them. */
export interface NodeResponse {
  readonly headersSent: boolean;
  readonly destroyed?: boolean | undefined;
  readonly writableLength: number;
  hasHeader(name: string): boolean;
  setHeader(name: string, value: string): unknown;
  appendHeader(name: string, value: string): unknown;
  removeHeader(name: string): void;
  writeHead(statusCode: number): unknown;
  write(
    chunk: string | Uint8Array,
    encoding: "latin1",
    callback: (error?: Error | null) => void,
  ): unknown;
  end(): unknown;
  destroy(): unknown;
  on(event: "close" | "error" | "drain" | "finish", listener: () => void): unknown;
}
