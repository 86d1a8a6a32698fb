import { endpointContract } from "./endpoint.ts";
import { startFetch, startHttp1, startHttp2 } from "./host.ts";

endpointContract("node:http", startHttp1);
endpointContract("node:http2", startHttp2);
endpointContract("a fetch-style server", startFetch);
