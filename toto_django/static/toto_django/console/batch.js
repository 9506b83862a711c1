import { button, byId, make } from "./dom.js";
import { stringify } from "./json.js";
import { hidden, secretsOf } from "./secrets.js";

/** Members run in the order of their ids, which are texts: two digits each. */
const MOST = 99;
const SHOWN = 200;

/** The calls that are to be sent together. */
export class Batch {
  #calls = [];

  constructor() {
    byId("clear-batch").addEventListener("click", () => {
      this.#calls = [];
      this.#show();
      byId("batch-title").focus();
    });
  }

  /** Returns whether there was room. */
  add(call) {
    if (this.#calls.length >= MOST) return false;
    this.#calls.push(call);
    this.#show();
    return true;
  }

  /** What is sent. */
  content() {
    return { batch: Object.fromEntries(this.#calls.map((call, index) => [idOf(index), call])) };
  }

  #remove(removed) {
    const index = this.#calls.indexOf(removed);
    this.#calls.splice(index, 1);
    this.#show();
    const removers = byId("members").querySelectorAll("button");
    (removers[Math.min(index, removers.length - 1)] ?? byId("batch-title")).focus();
  }

  #show() {
    const items = this.#calls.map((call, index) => {
      const text = hidden(stringify(call.parameters), secretsOf(call.parameters));
      return make(
        "li",
        {},
        make("code", { class: "id" }, idOf(index)),
        make(
          "span",
          { class: "call" },
          make("strong", {}, call.method),
          " ",
          make("code", {}, shortened(text)),
        ),
        button("Remove", () => this.#remove(call), { "aria-label": `Remove ${idOf(index)}, ${call.method}` }),
      );
    });
    byId("members").replaceChildren(...items);
    byId("batch-buttons").hidden = !items.length;
    byId("batch-empty").hidden = Boolean(items.length);
  }
}

function idOf(index) {
  return String(index + 1).padStart(2, "0");
}

function shortened(text) {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
