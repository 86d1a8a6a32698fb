/** This library as it is built. The tests of the benchmarks have it built elsewhere. */
export const { EventChannel, EventEndpoint } = await import(
  process.env.EVENT_ENDPOINT_DIST ?? "../../dist/index.js"
);
