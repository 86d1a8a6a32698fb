import { onRequest } from "./app.js";

export default { fetch: onRequest };
