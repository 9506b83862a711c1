// What the chat shows. Texts are set as text, never as HTML.

const TYPING_SHOWN = 4000;
const NEAR = 60;

const find = (selector) => document.querySelector(selector);
const list = find("#messages");
const template = find("#message-template");
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const typists = new Map();

/** Somebody, or with "" nobody, is logged in. */
export function showUser(userId) {
  for (const selector of ["#login", "#talk-hint"]) find(selector).hidden = Boolean(userId);
  for (const selector of ["#member", "#settings", "#conversation"]) find(selector).hidden = !userId;
  find("#user-id").textContent = userId;
}

/** A room without messages yet; null for none. */
export function showRoom(room) {
  list.replaceChildren();
  for (const userId of [...typists.keys()]) forgetTypist(userId);
  find("#talk-title").textContent = room === null ? "Messages" : `#${room}`;
  find("#connection").hidden = room === null;
}

export function showConnection(state, transport) {
  const line = find("#connection");
  const text = `${state}, ${transport === "socket" ? "web socket" : "long-poll"}`;
  if (line.textContent !== text) line.textContent = text;
  line.className = state;
}

export function addMessage({ author, text, created }, isOwn) {
  const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR;
  const item = template.content.firstElementChild.cloneNode(true);
  item.classList.toggle("own", isOwn);
  item.querySelector(".author").textContent = author;
  item.querySelector(".text").textContent = text;
  item.querySelector("time").dateTime = created;
  item.querySelector("time").textContent = moment(new Date(created));
  list.append(item);
  forgetTypist(author);
  if (isAtEnd || isOwn) list.scrollTop = list.scrollHeight;
}

function moment(date) {
  const isToday = date.toDateString() === new Date().toDateString();
  return (isToday ? clock : calendar).format(date);
}

export function showTypist(userId) {
  clearTimeout(typists.get(userId));
  typists.set(
    userId,
    setTimeout(() => forgetTypist(userId), TYPING_SHOWN),
  );
  tellTypists();
}

function forgetTypist(userId) {
  clearTimeout(typists.get(userId));
  if (typists.delete(userId)) tellTypists();
}

function tellTypists() {
  const names = [...typists.keys()];
  const are = names.length === 1 ? "is" : "are";
  const text = names.length > 0 ? `${names.join(", ")} ${are} typing…` : "";
  if (find("#typing").textContent !== text) find("#typing").textContent = text;
}
