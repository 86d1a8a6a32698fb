import { startFetch, startHttp1, startHttp2 } from "./host.ts";
import { sourcesContract } from "./sources.ts";

sourcesContract("node:http", startHttp1);
sourcesContract("node:http2", startHttp2);
sourcesContract("a fetch-style server", startFetch);
