// The start page.

import { attempt, onSubmit, say } from "./forms.js";
import * as notes from "./notes.js";
import { Service } from "./service.js";
import * as wire from "./wire.js";

const LOADING = "what this page shows";

const find = (selector) => document.querySelector(selector);
const account = find("#account");
const login = find("#login");
const profile = find("#profile");
const time = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });

const service = new Service(document.body.dataset.service, {
  signing: document.body.dataset.signing || null,
  onExchange: (exchange) => wire.show(exchange, exchange.label !== LOADING),
  onUser: followUser,
});

// What the page shows

let shownUserId = "";

/** Fetch all of it in one batch. */
async function load() {
  showAccount();
  const members = { count: { method: "counter.value" } };
  if (service.userId) {
    members.notes = { method: "notes.list" };
    members.profile = { method: "notes.profile" };
  }
  const answers = await service.batch(members, LOADING);
  find("#count").value = answers.count.result ?? "–";
  profile.elements.display_name.value = answers.profile?.result?.display_name ?? "";
  notes.show(service, answers.notes?.result ?? []);
}

function showAccount() {
  const session = service.session;
  const isMember = Boolean(session?.userId);
  login.hidden = isMember;
  find("#member").hidden = !isMember;
  find("#user-id").textContent = session?.userId ?? "";
  find("#expires").textContent = isMember ? time.format(new Date(session.expires * 1000)) : "";
  shownUserId = service.userId;
}

/** Somebody has logged in or out: here, in another tab, or because the session has ended. */
async function followUser() {
  if (service.userId === shownUserId) return;
  const text = service.userId ? "Welcome!" : "You are logged out.";
  try {
    await load();
    say(account, text);
  } catch (error) {
    say(account, error.message, true);
  }
}

// Account

onSubmit(login, async (method) => {
  const { user_id, password } = login.elements;
  await service.call(method, { user_id: user_id.value, password: password.value });
  login.reset();
  find("#account-title").focus();
});

onSubmit(profile, async () => {
  await service.call("notes.profile", { display_name: profile.elements.display_name.value });
  say(profile, "Name saved.");
});

find("#logout").addEventListener("click", () =>
  attempt(profile, async () => {
    await service.call("account.logout");
    find("#account-title").focus();
  }),
);

// Counter

onSubmit(find("#counter form"), async (method) => {
  find("#count").value = await service.call(method);
});

// Any call, any batch

function onConsoleSubmit(section, send) {
  const form = section.querySelector("form");
  const result = section.querySelector(".result");
  onSubmit(form, async () => {
    result.hidden = true;
    result.textContent = JSON.stringify(await send(form.elements), null, 2) ?? "(nothing)";
    result.hidden = false;
    say(section, "The result:");
    await load();
  });
}

function parsed(field) {
  try {
    return JSON.parse(field.value || "{}");
  } catch (error) {
    field.focus();
    throw new Error(`This is no JSON: ${error.message}`);
  }
}

onConsoleSubmit(find("#call"), ({ method, parameters }) => service.call(method.value, parsed(parameters)));
onConsoleSubmit(find("#batch"), ({ members }) => service.batch(parsed(members)));

notes.start(service);
addEventListener("storage", followUser);
attempt(account, load);
