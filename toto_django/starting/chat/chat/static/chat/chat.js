import { Toto } from "../toto_django/toto.js";

const find = (id) => document.getElementById(id);
const [account, conversation, messages, say] = ["account", "conversation", "messages", "say"].map(find);
const toto = new Toto(document.body.dataset.service, { signing: "v2", storage: localStorage });
const polls = new URLSearchParams(location.search).has("polls");

/** Who is logged in, the id of the last message that is shown, and what ends the news. */
let user = "";
let after;
let stop = () => {};

function show(news) {
  for (const { id, author, text, created } of news) {
    if (id <= (after ?? 0)) continue;
    after = id;
    const item = document.createElement("li");
    const name = document.createElement("strong");
    name.textContent = author;
    // Never as HTML: others wrote it.
    item.append(name, text);
    item.title = new Date(created).toLocaleString();
    messages.append(item);
    messages.scrollTop = messages.scrollHeight;
  }
}

function tell(error) {
  find("problem").textContent = error?.message ?? "";
}

/** Both give the latest messages first, and then what is newer. */
function overSocket() {
  const socket = toto.socket();
  socket.onMessage(show);
  socket.onState((state) => {
    find("state").textContent = state;
    if (state === "open") socket.call("chat.subscribe", { after: after ?? null }).catch(tell);
  });
  return () => socket.close();
}

function byPolls() {
  const controller = new AbortController();
  const newer = (news) => ({ after: news?.at(-1).id ?? after ?? null });
  find("state").textContent = "polling";
  toto.poll("chat.receive", newer, { onMessage: show, signal: controller.signal }).catch(tell);
  return () => controller.abort();
}

/** Somebody has logged in or out: here, in another tab, or because the session has ended. */
function follow() {
  const now = toto.session?.userId ?? "";
  if (now === user) return;
  stop();
  user = now;
  after = undefined;
  messages.replaceChildren();
  find("user").textContent = user;
  account.hidden = Boolean(user);
  conversation.hidden = !user;
  stop = user ? (polls ? byPolls : overSocket)() : () => {};
}

async function attempt(action) {
  try {
    await action();
    tell(null);
  } catch (error) {
    tell(error);
  }
}

account.addEventListener("submit", (event) => {
  event.preventDefault();
  const { user_id, password } = account.elements;
  attempt(async () => {
    await toto[event.submitter.value](user_id.value, password.value);
    account.reset();
  });
});
say.addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    await toto.call("chat.post", { text: say.elements.text.value });
    say.reset();
  });
});
find("logout").addEventListener("click", () => attempt(() => toto.logout()));
toto.on("session", follow);
toto.on("logout", follow);
addEventListener("storage", follow);
follow();
