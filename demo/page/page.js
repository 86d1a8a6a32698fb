import { Chart } from "./chart.js";
import { Connection } from "./connection.js";
import { find, listEvent, listMessage, log, show } from "./lists.js";
import { formatRange, Tally } from "./tally.js";

/** How often the chart moves on while nothing comes. */
const MOVE_MS = 500;

const chart = new Chart();
const tally = new Tally();
/** This tab's number, and all numbers up to which events are a replay. */
let tab;
let replayUntil = 0;
let replayed = 0;
let replayedNow = 0;

const connection = new Connection({ hello, ready, resync, members, sample, message });

/** Comes first on every stream, and without an id: it is for this tab only. */
function hello(event) {
  listEvent(event);
  const { client, lastEventId, published, machine, history } = JSON.parse(event.data);
  tab = client;
  document.title = `Tab ${tab} · event-endpoint`;
  show("tab", `tab ${tab}`);
  show("cores", `of ${count(machine.cores, "core")}`);
  show("total-memory", `of ${(machine.totalMemory / 2 ** 30).toFixed(1)} GiB`);
  if (chart.isEmpty) chart.add(history);
  replayedNow = 0;
  replayUntil = published;
  if (!connection.isBack) return tally.startAfter(published);
  show("seen-id", lastEventId || "none");
  log("hello", `The server saw ${lastEventId ? `the last id ${lastEventId}` : "no last id"}.`);
  if (lastEventId && published === tally.newest) finishReplay();
}

/** The channel does not know this client: it gets the id from which it can come back. */
function ready(event) {
  connection.remember(event);
  listEvent(event, event.lastEventId);
  log("ready", "The channel gave this tab its current id. From here on nothing can be missed.");
}

/** The channel cannot tell what this client missed. A real page would load its data anew. */
function resync(event) {
  connection.remember(event);
  listEvent(event, event.lastEventId);
  tally.startOver();
  replayUntil = 0;
  log("resync", "The channel has no history after our id, and says so: counting starts over.");
  connection.note("Back, with a resync: the channel has no history after our id.");
}

function members(event) {
  listEvent(event);
  const { node, fetch } = JSON.parse(event.data);
  show("members", String(node + fetch));
  show("members-note", `${node} node, ${fetch} fetch`);
}

function sample(event) {
  const { data, isReplay } = take(event);
  chart.add([data], isReplay);
}

function message(event) {
  const { data, isReplay } = take(event);
  listMessage(data, tab, isReplay);
}

/** Counts an event of the channel, which has an id and a number. */
function take(event) {
  const data = JSON.parse(event.data);
  const { number } = data;
  const isReplay = number <= replayUntil;
  connection.remember(event);
  listEvent(event, event.lastEventId, isReplay);
  const { missing } = tally;
  tally.take(number);
  showTally();
  if (tally.missing > missing) {
    const text = `${count(tally.missing - missing, "event")} missing: ${tally.missingRanges.at(-1)}.`;
    log("error", text);
    connection.note(text);
  }
  if (isReplay) {
    show("replayed", String(++replayed));
    replayedNow++;
    if (number === replayUntil) finishReplay();
  }
  return { data, isReplay };
}

function finishReplay() {
  const text =
    replayedNow === 0
      ? "Back. Nothing had been missed."
      : `Back. ${count(replayedNow, "event")} replayed: ` +
        `${formatRange(replayUntil - replayedNow + 1, replayUntil)}.`;
  log("replay", text);
  connection.note(text);
}

function showTally() {
  show("received", String(tally.received));
  show("received-note", `newest: ${tally.newest}`);
  for (const [id, amount, ranges] of [
    ["missing", tally.missing, tally.missingRanges],
    ["doubled", tally.doubled, tally.doubledRanges],
  ]) {
    show(id, String(amount));
    if (amount === 0) continue;
    show(`${id}-note`, ranges.join(", "));
    find(id).closest("[data-fault]").dataset.fault = "true";
  }
}

function count(amount, thing) {
  return `${amount} ${thing}${amount === 1 ? "" : "s"}`;
}

function onButton(id, action) {
  find(id).addEventListener("click", () => {
    if (find(id).getAttribute("aria-disabled") !== "true") action();
  });
}

function readAdapter() {
  return document.querySelector("input[name=adapter]:checked").value;
}

for (const input of document.querySelectorAll("input[name=adapter]")) {
  input.addEventListener("change", () => {
    log("button", "Over to the other adapter, after the last id.");
    connection.connect(input.value);
  });
}
onButton("drop", () => void connection.drop(Number(find("seconds").value), find("forget").checked));
onButton("goodbye", () => void connection.goodbye());
onButton("again", () => {
  log("button", "A new EventSource, after the last id.");
  connection.connect(readAdapter());
});
find("text").addEventListener("input", () => show("problem", ""));
find("publish-form").addEventListener("submit", (event) => {
  event.preventDefault();
  void publish(find("text").value);
});

async function publish(text) {
  const error = await connection.publish(text);
  show("problem", error ? `${error}.` : "");
  // Unless somebody has gone on writing.
  if (!error && find("text").value === text) find("text").value = "";
}

connection.connect(readAdapter());
setInterval(() => {
  if (!connection.isOpen) chart.moveOn();
}, MOVE_MS);
