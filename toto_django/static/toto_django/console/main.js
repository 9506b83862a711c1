// The console: chooses a method, makes its form, sends what it holds, and shows what came of it.

import { Account } from "./account.js";
import { Batch } from "./batch.js";
import { box, byId, make, tell } from "./dom.js";
import { Mistake } from "./fields.js";
import { docsOf, fieldsOf, MethodForm } from "./form.js";
import { FORMATS } from "./formats.js";
import { parse, stringify } from "./json.js";
import { Live } from "./live.js";
import { MethodList } from "./methods.js";
import { clipped, exchangeView, isHex, size, time } from "./raw.js";
import { hidden } from "./secrets.js";
import { SessionStore } from "./session.js";
import { Signer } from "./signing.js";
import { Wire } from "./wire.js";

const { service, description, signing, formats, namesByUrl } = document.body.dataset;
const names = formats.split(" ").filter((name) => Object.hasOwn(FORMATS, name));
const sessions = new SessionStore(service, () => account.show(isRevealed));
const signer = new Signer(signing);
const wire = new Wire({ path: service, signer, namesByURL: namesByUrl !== undefined }, sessions);
const account = new Account(wire, sessions, names);
const batch = new Batch();
const live = new Live(service, sessions, signer, () => isRevealed);

let components = { schemas: {}, errors: {} };
let list;
let form = null;
let exchange = null;
let waiting = null;
let isRevealed = false;
let asHex = null;

function fill(select, names) {
  select.replaceChildren(...names.map((name) => make("option", { value: name }, FORMATS[name].title)));
}

// The method

function choose() {
  const method = list.chosen();
  list.mark(method);
  if (method === undefined) return;
  form = new MethodForm(method, components.schemas);
  byId("method-title").textContent = method.name;
  byId("method-docs").replaceChildren(...docsOf(method, components.errors));
  byId("call").hidden = false;
  tell(byId("call-message"), "");
  showForm();
}

function showForm() {
  byId("call").elements.mode.value = form.mode;
  byId("parameters").replaceChildren(...form.elements(components.schemas));
}

function switchMode(mode) {
  withParameters(() => form.switchTo(mode));
  showForm();
}

/** What something returns, undefined where it finds a mistake, which is then shown. */
function withParameters(run) {
  form.forget();
  tell(byId("call-message"), "");
  try {
    return run();
  } catch (error) {
    const isMistake = error instanceof Mistake;
    if (!isMistake && !(error instanceof TypeError || error instanceof RangeError)) throw error;
    complain({ [isMistake ? error.path : ""]: [error.message] }, isMistake ? "Nothing was sent." : "");
    return undefined;
  }
}

/** Show messages by their paths, beside the fields they belong to; the first of these gets the focus. */
function complain(fields, summary) {
  const lines = [summary, ...form.tell(fields)].filter(Boolean);
  tell(byId("call-message"), lines.join("\n"), true);
  byId("parameters").querySelector("[aria-invalid]")?.focus();
}

// Calls

function currentCall() {
  return { method: form.method.name, parameters: form.read() };
}

async function sendCall() {
  const used = form;
  const call = withParameters(currentCall);
  if (call === undefined) return;
  const outcome = await send(call);
  const error = outcome?.outcomes[0]?.error;
  if (used !== form || !error) return;
  const fields = fieldsOf(error);
  if (Object.keys(fields).length) complain(fields, `${error.code}: the parameters are wrong.`);
}

/** The exchange, undefined where none was made. Only the last one that was asked for is shown. */
async function send(content) {
  const format = FORMATS[byId("format").value];
  waiting?.abort();
  const controller = (waiting = new AbortController());
  byId("cancel").hidden = false;
  tell(byId("outcome"), "Waiting …");
  let made;
  try {
    made = await wire.send(content, format, controller.signal);
  } catch (error) {
    made = undefined;
    tell(byId("outcome"), `Nothing was sent: ${error.message}`, true);
  }
  if (waiting !== controller) return undefined;
  waiting = null;
  byId("cancel").hidden = true;
  if (made) {
    exchange = made;
    showExchange();
  }
  return made;
}

// The answer

function showExchange() {
  if (!exchange) return;
  const { outcomes, problem, response, milliseconds, signature, clock } = exchange;
  const failed = outcomes.filter(({ error }) => error !== undefined).length;
  const verdict = signature?.isRight === false ? "The signature is wrong." : "";
  const told = problem ?? (exchange.content.batch ? `${outcomes.length} answers, ${failed} errors.` : "");
  const what = told || (failed ? `Error ${outcomes[0].error?.code ?? ""}.` : "Result.");
  const measured = response.body === undefined ? "" : `${time(milliseconds)}, ${size(response.body)}.`;
  const texts = [what, clock, verdict, measured].filter(Boolean);
  tell(byId("outcome"), texts.join(" "), Boolean(failed || verdict));
  byId("results").replaceChildren(...outcomes.map(resultView));
  const toggle = make("input", { type: "checkbox", id: "as-hex" });
  toggle.checked = isHex(exchange, asHex);
  byId("raw").replaceChildren(
    make("label", { class: "inline" }, toggle, " Bodies as hex"),
    ...exchangeView(exchange, { isRevealed, asHex }),
  );
}

function resultView({ id, method, result, error }) {
  const value = error === undefined ? (result ?? null) : error;
  const text = clipped(stringify(value, 2));
  const shown = isRevealed ? text : hidden(text, exchange.secrets);
  const label = error === undefined ? "Result" : "Error";
  const pre = box(id === undefined ? label : `${label} of ${id}`, shown);
  if (error !== undefined) pre.classList.add("error");
  return id === undefined ? pre : make("div", {}, make("h3", {}, `${id} ${method ?? ""}`), pre);
}

function reveal() {
  isRevealed = !isRevealed;
  byId("reveal").setAttribute("aria-pressed", String(isRevealed));
  account.show(isRevealed);
  live.show();
  showExchange();
}

// The page

function listen() {
  byId("methods").addEventListener("click", (event) => {
    if (event.target.closest("[aria-current]")) byId("method-title").focus();
  });
  window.addEventListener("hashchange", () => {
    choose();
    byId("method-title").focus();
  });
  byId("call").addEventListener("submit", (event) => {
    event.preventDefault();
    sendCall();
  });
  byId("call").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("call").requestSubmit();
  });
  byId("mode").addEventListener("change", (event) => switchMode(event.target.value));
  byId("cancel").addEventListener("click", () => {
    waiting?.abort();
    byId("send").focus();
  });
  byId("add").addEventListener("click", () => {
    const call = withParameters(currentCall);
    if (call === undefined) return;
    tell(byId("call-message"), batch.add(call) ? "Added to the batch." : "The batch is full.");
  });
  byId("over-socket").addEventListener("click", () => {
    withParameters(() => live.call(form.method.name, form.read()));
  });
  byId("send-batch").addEventListener("click", () => send(batch.content()));
  byId("reveal").addEventListener("click", reveal);
  byId("raw").addEventListener("change", (event) => {
    if (event.target.id !== "as-hex") return;
    asHex = event.target.checked;
    showExchange();
    byId("as-hex").focus();
  });
}

async function start() {
  fill(byId("format"), names);
  fill(byId("frame-format"), [...new Set(["json", ...names])]);
  account.show(isRevealed);
  listen();
  const response = await fetch(description);
  if (!response.ok) throw new Error(`status ${response.status}`);
  const { methods, components: known } = parse(await response.text());
  components = { schemas: known.schemas ?? {}, errors: known.errors ?? {} };
  list = new MethodList(methods);
  choose();
}

start().catch((error) => {
  tell(byId("found"), `The description cannot be read: ${error.message}`, true);
});
