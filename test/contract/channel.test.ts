import { channelContract } from "./channel.ts";
import { startFetch, startHttp1, startHttp2 } from "./host.ts";

channelContract("node:http", startHttp1);
channelContract("node:http2", startHttp2);
channelContract("a fetch-style server", startFetch);
