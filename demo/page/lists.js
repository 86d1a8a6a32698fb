const MAX_ROWS = 50;
const MAX_DATA_LENGTH = 200;

export const find = (id) => document.getElementById(id);

/** Always as text: whatever comes in an event, nothing of it becomes a part of the page. */
export function show(id, text) {
  find(id).textContent = text;
}

/** Adds an event as it came. */
export function listEvent({ type, data }, id = "", isReplay = false) {
  const text = data.length > MAX_DATA_LENGTH ? `${data.slice(0, MAX_DATA_LENGTH)}… ` : data;
  const length = data.length > MAX_DATA_LENGTH ? `(${data.length} characters)` : "";
  const row = addRow("events", type, [
    createId(id),
    createElement("code", "data", text + length || "(empty data)"),
    ...(isReplay ? [createElement("span", "badge", "replayed")] : []),
  ]);
  row.classList.toggle("replay", isReplay);
}

/** Adds a message that somebody wrote. It may run from right to left, but not beyond its row. */
export function listMessage({ client, text }, own, isReplay) {
  const message = createElement("span", "text", text);
  message.dir = "auto";
  const from = client === own ? `Tab ${client} (this one)` : `Tab ${client}`;
  const row = addRow("messages", from, [
    message,
    ...(isReplay ? [createElement("span", "badge", "replayed")] : []),
  ]);
  row.classList.toggle("replay", isReplay);
}

/** Adds what the page has to say. What happens again and again takes one row. */
export function log(kind, text) {
  const newest = find("log").firstElementChild;
  if (newest?.dataset.text === text) {
    newest.dataset.count = String(Number(newest.dataset.count ?? 1) + 1);
    newest.querySelector(".count").textContent = ` (${newest.dataset.count} times)`;
    return;
  }
  const row = addRow("log", kind, [
    createElement("span", "text", text),
    createElement("span", "count"),
  ]);
  row.dataset.text = text;
}

function addRow(listId, kind, parts) {
  const row = createElement("li");
  const content = createElement("div", "content");
  // Spaces in between, for those who copy a row or have it read out.
  for (const part of parts) content.append(part, " ");
  row.append(
    createElement("time", "time", new Date().toLocaleTimeString("en-GB")),
    " ",
    createElement("strong", `kind ${/^\w+$/.exec(kind) ?? ""}`, kind),
    " ",
    content,
  );
  const list = find(listId);
  list.prepend(row);
  while (list.childElementCount > MAX_ROWS) list.lastElementChild.remove();
  return row;
}

/** All events of a server's life have the same epoch in their ids. What differs is the sequence. */
function createId(id) {
  const code = createElement("code", "id");
  const [, epoch, sequence] = /^(\w+)(-\d+)$/.exec(id) ?? [];
  if (epoch) code.append(createElement("span", "epoch", epoch), sequence);
  else code.textContent = id || "no id";
  code.title = id;
  return code;
}

function createElement(tag, className = "", text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}
