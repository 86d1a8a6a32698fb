/** Why a request is not done, in words that the page can show. */
export class HttpError extends Error {
  constructor(status, message, headers = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

export function readUrl(req) {
  // Most requests have a path, those to a proxy a whole address; "*" is neither.
  const origin = `http://${req.headers.host ?? "localhost"}`;
  const text = req.url.startsWith("/") ? origin + req.url : req.url;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // A Request refuses an address with a name and a password in it.
  if (!url || url.username || url.password) throw new HttpError(400, "The address cannot be read");
  return url;
}

export function allow(req, ...methods) {
  if (methods.includes(req.method)) return;
  throw new HttpError(405, `Only ${methods.join(" and ")} here`, { Allow: methods.join(", ") });
}

/** Reads what the page posts. Other sites cannot: browsers ask before they send JSON elsewhere. */
export async function readJson(req, maxLength) {
  if (!/^application\/json\s*(;|$)/i.test(req.headers["content-type"] ?? "")) {
    throw new HttpError(415, "Only application/json here");
  }
  let text = "";
  // What is too long is left unread, and the connection ends with the answer.
  for await (const chunk of req.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
    text += chunk;
    if (text.length > maxLength)
      throw new HttpError(413, "That is too much", { Connection: "close" });
  }
  try {
    return Object(JSON.parse(text));
  } catch {
    throw new HttpError(400, "This is not JSON");
  }
}

export function sendJson(res, status, value, headers = {}) {
  res.writeHead(status, {
    "Content-Type": "application/json; charset=utf-8",
    "Cache-Control": "no-store",
    ...headers,
  });
  res.end(JSON.stringify(value));
}
