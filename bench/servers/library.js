/** This library as it is built. The tests of the benchmarks have it built elsewhere. */
const dist = process.env.EVENT_ENDPOINT_DIST ?? "../../dist/index.js";
export const { EventChannel, EventEndpoint } = await import(dist);
export const { RedisEventLog } = await import(dist.replace(/index\.js$/, "redis.js"));
