import { onRequest } from "./app.js";

Bun.serve({ port: Number(process.env.PORT), hostname: "127.0.0.1", fetch: onRequest });
