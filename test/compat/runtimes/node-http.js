import { createServer } from "node:http";
import process from "node:process";
import { onNodeRequest } from "./app.js";

createServer(onNodeRequest).listen(Number(process.env.PORT), "127.0.0.1");
