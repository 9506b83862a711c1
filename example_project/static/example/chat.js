// The chat.

import { Toto } from "../toto_django/toto.js";
import * as transports from "./chat-transports.js";
import * as view from "./chat-view.js";
import { attempt, onSubmit, say } from "./forms.js";
import { storage } from "./session.js";

const NOT_AUTHORIZED = 1004;
/** Milliseconds. */
const TYPING_EVERY = 2500;
const SLOW = 500;

const find = (selector) => document.querySelector(selector);
const account = find("#account");
const talk = find("#talk");
const login = find("#login");
const enter = find("#enter");
const composer = find("#say");
const transport = find("#transport");

const { service, signing } = document.body.dataset;
const toto = new Toto(service, { signing: signing || null, storage });

/** The user, the room, the id of the last message seen (null: none yet), and the transport at work. */
const at = { userId: "", room: roomOfAddress(), after: null, link: null };

/** What follows # in the page's address. */
function roomOfAddress() {
  const name = new URLSearchParams(location.hash.slice(1)).get("room") ?? "";
  return name.trim().toLowerCase() || "lobby";
}

// The room

function openRoom() {
  at.link?.stop();
  at.after = null;
  enter.elements.room.value = at.room;
  view.showRoom(at.userId ? at.room : null);
  if (at.userId) connect();
}

/** With the transport that is chosen, from the last message seen on. */
function connect() {
  at.link?.stop();
  const chosen = transport.querySelector(":checked").value;
  const link = transports.start(chosen, toto, at.room, {
    after: () => at.after,
    onNews: (items) => isCurrent() && showNews(items),
    onState: (state) => isCurrent() && view.showConnection(state, chosen),
    onEnd: (error) => isCurrent() && giveUp(error, chosen),
  });
  const isCurrent = () => at.link === link;
  at.link = link;
  view.showConnection("connecting", chosen);
}

function showNews(items) {
  at.after ??= 0;
  for (const item of items) {
    if (item.typing && item.typing !== at.userId) view.showTypist(item.typing);
    if (!(item.id > at.after)) continue;
    at.after = item.id;
    view.addMessage(item, item.author === at.userId);
  }
}

function giveUp(error, chosen) {
  at.link.stop();
  view.showConnection("offline", chosen);
  if (error.code === NOT_AUTHORIZED) toto.session = null;
  else say(talk, error.message, true);
}

onSubmit(enter, () => {
  location.hash = new URLSearchParams({ room: enter.elements.room.value });
  find("#talk-title").focus();
});

addEventListener("hashchange", () => {
  say(talk, "");
  at.room = roomOfAddress();
  openRoom();
});

transport.addEventListener("change", () => at.userId && connect());

// Saying something

const text = composer.elements.text;
let typedAt = 0;
let sent = Promise.resolve();

/** One message after another. What cannot be sent comes back. */
async function post(said) {
  const isSlow = setTimeout(() => say(talk, "Sending…"), SLOW);
  try {
    await at.link.call("chat.post", { room: at.room, text: said });
    say(talk, "");
  } catch (error) {
    text.value = text.value ? `${said}\n${text.value}` : said;
    say(talk, error.message, true);
  } finally {
    clearTimeout(isSlow);
  }
}

composer.addEventListener("submit", (event) => {
  event.preventDefault();
  const said = text.value;
  composer.reset();
  typedAt = 0;
  sent = sent.then(() => post(said));
});

composer.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  composer.requestSubmit();
});

composer.addEventListener("input", () => {
  if (Date.now() - typedAt < TYPING_EVERY || !text.value) return;
  typedAt = Date.now();
  at.link.call("chat.typing", { room: at.room }).catch(() => {}); // Nobody misses it.
});

// The account

/** Somebody has logged in or out: here, in another tab, or because the session has ended. */
function followUser() {
  const userId = toto.session?.userId ?? "";
  if (userId === at.userId) return;
  say(account, userId ? "Welcome!" : "You are logged out.");
  at.userId = userId;
  composer.reset();
  view.showUser(userId);
  openRoom();
}

onSubmit(login, async (action) => {
  const { user_id, password } = login.elements;
  await toto[action](user_id.value, password.value);
  login.reset();
  text.focus();
});

find("#logout").addEventListener("click", () =>
  attempt(account, async () => {
    await toto.logout();
    find("#account-title").focus();
  }),
);

toto.on("session", followUser);
toto.on("logout", followUser);
addEventListener("storage", followUser);
openRoom();
followUser();
say(account, "");
