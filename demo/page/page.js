/** Milliseconds that the chart shows. */
const WINDOW_MS = 60_000;
/** Samples come once a second: between two that are further apart, some are missing. */
const GAP_MS = 2500;
const MAX_ROWS = 50;
const MAX_ROW_DATA = 200;
const MAX_LOG_ID = 24;

const STATES = ["CONNECTING", "OPEN", "CLOSED"];

const ADAPTERS = {
  node: { name: "node:http adapter", code: "new EventEndpoint(req, res)" },
  fetch: { name: "Fetch adapter", code: "new EventEndpoint(request)" },
};

const find = (id) => document.getElementById(id);

/** The EventSource that is in use, and what belongs to it alone. */
let session;
let samples = [];

/**
 * Starts over with a new EventSource. It brings no Last-Event-ID, so a goodbye that was said to the
 * one before is not meant for it. The ids of that one stay closed, though: therefore this is a new
 * client, with a token and a sequence of its own.
 */
function connect(adapter) {
  session?.source.close();
  const token = createToken();
  const source = new EventSource(`events/${adapter}?client=${token}`);
  session = { source, token, adapter, opened: 0, goodbye: false };
  const own = session;

  source.addEventListener("open", () => {
    own.opened++;
    log("open", `The server answered 200 through the ${ADAPTERS[adapter].name}.`);
    show("answer", "200 OK");
    showState("Events are arriving.");
  });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) void explainEnd(own);
    else onLost(own);
  });
  for (const type of ["hello", "sample", "close"]) source.addEventListener(type, listEvent);
  source.addEventListener("hello", (event) => onHello(own, JSON.parse(event.data)));
  source.addEventListener("sample", (event) => onSamples([JSON.parse(event.data)]));
  source.addEventListener("close", (event) => onGoodbye(own, event));

  show("code", ADAPTERS[adapter].code);
  show("curl", `curl -N ${new URL(`events/${adapter}`, location.href)}`);
  for (const id of ["answer", "last-id", "seen-id"]) show(id, "–");
  show("reconnects", "0");
  showState("Asking the server for a stream.");
}

/** 64 random bits. Not randomUUID(), which is missing from pages that came over plain HTTP. */
function createToken() {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(8));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function onHello({ opened }, { lastEventId, replayed, endedWith, machine, history }) {
  show("cores", `of ${machine.cores} ${machine.cores === 1 ? "core" : "cores"}`);
  show("total-memory", `of ${(machine.totalMemory / 2 ** 30).toFixed(1)} GiB`);
  onSamples(history);
  if (opened === 1) return;
  show("reconnects", String(opened - 1));
  show("seen-id", lastEventId || "none");
  log(
    "reconnect",
    `Reconnect ${opened - 1}. The server saw Last-Event-ID ${lastEventId || "(none)"}` +
      `${endedWith ? `, after an end with the code "${endedWith}"` : ""}. ` +
      `First came what was missed: ${replayed} ${replayed === 1 ? "event" : "events"}.`,
  );
}

function onLost({ goodbye }) {
  log("error", "The stream ended. EventSource reconnects by itself.");
  showState(
    goodbye
      ? "The server said goodbye. The browser asks once more."
      : "The stream ended. The browser tries again in about a second.",
  );
}

function onGoodbye(own, event) {
  own.goodbye = true;
  log("close", `The server said goodbye: ${shortenId(event.lastEventId)} is our id now.`);
  showState("The server said goodbye.");
}

/** EventSource does not tell why it gave up, but the server knows what it answered. */
async function explainEnd(own) {
  showState("The browser has given up.");
  const server = await askServer("GET", `clients/${own.token}`);
  if (session !== own) return;
  if (server?.refused?.count > 0) {
    show("answer", "204 No Content");
    log(
      "closed",
      `The server saw ${shortenId(server.refused.lastEventId)} and answered 204: state CLOSED.`,
    );
    showState("The server answered 204. The browser will not come back by itself.");
  } else {
    show("answer", "no event stream");
    log("closed", "The server did not answer with an event stream: state CLOSED.");
    showState("The server did not answer with an event stream.");
  }
}

async function endStream(action) {
  if (session.source.readyState !== EventSource.OPEN) return;
  log("button", `Asking the server for ${action === "drop" ? "close()" : "close(true)"}.`);
  const answer = await askServer("POST", `clients/${session.token}/${action}`);
  if (answer?.error) log("error", `The server did not do that: ${answer.error}.`);
}

async function askServer(method, path) {
  try {
    const response = await fetch(path, { method });
    return await response.json();
  } catch {
    return { error: "it could not be reached" };
  }
}

function showState(note) {
  const { readyState } = session.source;
  find("state").textContent = find("state").dataset.state = STATES[readyState];
  show("note", note);
  // Not "disabled": a button that has the focus would lose it.
  setUsable("drop", readyState === EventSource.OPEN && !session.goodbye);
  setUsable("goodbye", readyState === EventSource.OPEN && !session.goodbye);
  setUsable("again", readyState === EventSource.CLOSED);
}

function setUsable(id, usable) {
  find(id).setAttribute("aria-disabled", String(!usable));
}

function onButton(id, action) {
  find(id).addEventListener("click", () => {
    if (find(id).getAttribute("aria-disabled") !== "true") action();
  });
}

function listEvent({ type, lastEventId, data }) {
  show("last-id", lastEventId);
  addRow("events", type, [
    ["code", "id", lastEventId],
    ["code", "data", data === "" ? "(empty data)" : shorten(data, MAX_ROW_DATA)],
  ]);
}

/** Ids of closed clients are long. The list of events has them in full. */
function shortenId(id) {
  return id.length > MAX_LOG_ID ? `${id.slice(0, MAX_LOG_ID)}…` : id;
}

function shorten(text, length) {
  return text.length > length ? `${text.slice(0, length)}… (${text.length} characters)` : text;
}

/** What happens again and again, while the server is away, takes one row. */
function log(kind, text) {
  const newest = find("log").firstElementChild;
  if (newest?.dataset.text === text) {
    newest.dataset.count = String(Number(newest.dataset.count ?? 1) + 1);
    newest.querySelector(".count").textContent = ` (${newest.dataset.count} times)`;
    return;
  }
  const row = addRow("log", kind, [
    ["span", "text", text],
    ["span", "count", ""],
  ]);
  row.dataset.text = text;
}

function addRow(listId, kind, parts) {
  const row = createElement("li");
  const content = createElement("div", "content");
  // Spaces in between, for those who copy a row or have it read out.
  for (const part of parts) content.append(createElement(...part), " ");
  row.append(
    createElement("time", "time", new Date().toLocaleTimeString("en-GB")),
    " ",
    createElement("strong", `kind ${kind}`, kind),
    " ",
    content,
  );
  const list = find(listId);
  list.prepend(row);
  while (list.childElementCount > MAX_ROWS) list.lastElementChild.remove();
  return row;
}

function createElement(tag, className = "", text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

function show(id, text) {
  find(id).textContent = text;
}

function onSamples(added) {
  const newest = samples.at(-1)?.time ?? 0;
  samples.push(...added.filter(({ time }) => time > newest));
  const now = samples.at(-1)?.time;
  samples = samples.filter(({ time }) => now - time <= WINDOW_MS);
  if (samples.length > 0) draw(now);
}

/** One unit to the right is one second, one unit up is one percent. */
function draw(now) {
  const point = (sample, key) =>
    `${(60 - (now - sample.time) / 1000).toFixed(2)} ${(100 - sample[key]).toFixed(1)}`;
  for (const key of ["cpu", "memory"]) {
    let line = "";
    samples.forEach((sample, i) => {
      const isNext = i > 0 && sample.time - samples[i - 1].time <= GAP_MS;
      line += `${isNext ? "L" : "M"}${point(sample, key)}`;
    });
    find(`${key}-line`).setAttribute("d", line);
    find(`${key}-dot`).setAttribute("d", `M${point(samples.at(-1), key)}h0`);
    show(key, percent(samples.at(-1)[key]));
    if (key === "cpu") find("cpu-area").setAttribute("d", fillBelow(line));
  }
  find("chart").setAttribute("aria-label", describe());
}

/** Closes every piece of a line along the bottom. */
function fillBelow(line) {
  return line.replaceAll(/M([\d.-]+) [^M]*/g, (piece, start) => {
    const end = /([\d.-]+) [\d.-]+$/.exec(piece)[1];
    return `${piece}L${end} 100L${start} 100Z`;
  });
}

/** The chart in words. */
function describe() {
  const range = (key) => {
    const values = samples.map((sample) => sample[key]);
    const [min, max] = [Math.min(...values), Math.max(...values)];
    return `${percent(values.at(-1))} now, from ${percent(min)} to ${percent(max)}`;
  };
  const seconds = Math.round((samples.at(-1).time - samples[0].time) / 1000);
  return `The last ${seconds} seconds. CPU: ${range("cpu")}. Memory: ${range("memory")}.`;
}

function percent(value) {
  return `${value.toFixed(1)} %`;
}

function readAdapter() {
  return document.querySelector("input[name=adapter]:checked").value;
}

for (const input of document.querySelectorAll("input[name=adapter]")) {
  input.addEventListener("change", () => {
    log("button", `Over to the ${ADAPTERS[input.value].name}, as a new client.`);
    connect(input.value);
  });
}
onButton("drop", () => void endStream("drop"));
onButton("goodbye", () => void endStream("goodbye"));
onButton("again", () => {
  log("button", "A new EventSource, as a new client.");
  connect(readAdapter());
});
connect(readAdapter());
