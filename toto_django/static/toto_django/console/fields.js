// The parts of a form. Each field is {element, read, write, show}: `read` gives the value or ABSENT and
// throws a Mistake, `write` shows a value or ABSENT, `show(path, messages)` returns whether the path was its own.

import { button, make, newId } from "./dom.js";
import { parse, stringify } from "./json.js";
import { choices, inWords, resolved } from "./schema.js";
import { isObject } from "./values.js";

export const ABSENT = Symbol("absent");
/** Characters from which on a text may well have several lines. */
const LONG_TEXT = 200;
/** Levels of objects and lists that are fields of their own. */
const DEEPEST = 4;

/** What somebody typed is no value. */
export class Mistake extends Error {
  constructor(path, message) {
    super(message);
    this.path = path;
  }
}

/** The field of a schema: `context` is {components, path, level}. */
export function fieldOf(name, given, isRequired, context) {
  const type = resolved(given, context.components);
  const isDeep = context.level >= DEEPEST && (type.kind === "list" || type.kind === "object");
  const what = { name, ...type, kind: isDeep ? "json" : type.kind, isRequired, context };
  return what.kind === "list"
    ? new ListField(what)
    : what.kind === "object"
      ? new ObjectField(what)
      : new ValueField(what);
}

/** `context` one level further down. */
function below(context, part) {
  return { ...context, path: [...context.path, part], level: context.level + 1 };
}

function notesOf({ name, schema, isRequired, ...type }) {
  return [
    make("span", { class: "name" }, name),
    " ",
    isRequired ? make("span", { class: "required" }, "required") : null,
    " ",
    make("span", { class: "type" }, inWords({ schema, ...type })),
  ];
}

function hintOf({ schema }) {
  const known = "default" in schema ? `Default: ${stringify(schema.default)}` : "";
  return [schema.description ?? "", known].filter(Boolean).join(" ");
}

/** A check box for the values that an input has no text for: `null`, and the empty text or list. */
function choiceOf(label, change) {
  const input = make("input", { type: "checkbox", change });
  return { input, element: make("label", { class: "inline" }, input, ` ${label}`) };
}

class Field {
  constructor(what) {
    this.what = what;
    this.path = what.context.path.join(".");
    this.problem = make("p", { class: "problem", id: newId() });
    this.hint = make("p", { class: "hint", id: newId() }, hintOf(what));
    this.null = what.isNullable ? choiceOf("null", () => this.chosen(this.null)) : null;
    const mayBeEmpty = !what.isRequired && ["list", "text"].includes(what.kind);
    this.empty = mayBeEmpty ? choiceOf("send empty", () => this.chosen(this.empty)) : null;
    this.extras = make(
      "div",
      { class: "extras" },
      ...[this.null, this.empty].map((each) => each?.element ?? null),
    );
    this.below = make("div", { class: "below" }, this.hint, this.extras);
  }

  /** A choice says all: nothing else is said with it. */
  chosen(choice) {
    for (const other of [this.null, this.empty]) if (other && other !== choice) other.input.checked = false;
    if (choice.input.checked) this.clear();
  }

  typed() {
    for (const each of [this.null, this.empty]) if (each) each.input.checked = false;
  }

  read() {
    if (this.null?.input.checked) return null;
    return this.value();
  }

  write(value) {
    this.typed();
    this.clear();
    if (value === null && this.null) this.null.input.checked = true;
    else if (value !== ABSENT) this.fill(value);
  }

  /** Whether the messages belong here; "" takes them all back. */
  show(path, messages) {
    if (path !== "" && path !== this.path && !path.startsWith(`${this.path}.`)) return false;
    const rest = path === this.path ? "" : path.slice(this.path.length + 1);
    this.problem.textContent = path === "" ? "" : [rest, messages.join(" ")].filter(Boolean).join(": ");
    for (const control of this.controls()) {
      if (path === "") control.removeAttribute("aria-invalid");
      else control.setAttribute("aria-invalid", "true");
    }
    return true;
  }
}

/** One input: text, numbers, booleans, choices and JSON. */
class ValueField extends Field {
  constructor(what) {
    super(what);
    this.input = this.makeInput();
    this.input.id = newId();
    this.input.setAttribute("aria-describedby", `${this.hint.id} ${this.problem.id}`);
    if (what.isRequired) this.input.setAttribute("aria-required", "true");
    this.input.addEventListener("input", () => this.typed());
    const label = make("label", { for: this.input.id }, ...notesOf(what));
    this.element = make("div", { class: "field" }, label, this.input, this.below, this.problem);
  }

  controls() {
    return [this.input];
  }

  makeInput() {
    const { kind, name, schema } = this.what;
    if (kind === "boolean") return this.makeSelect([true, false]);
    if (kind === "choice") return this.makeSelect(choices(schema));
    if (kind === "json") return make("textarea", { class: "code", rows: "2", spellcheck: "false" });
    if (kind === "text" && schema.maxLength > LONG_TEXT) return make("textarea", { rows: "2" });
    const type = kind === "text" && /password/i.test(name) ? "password" : "text";
    const inputmode = { number: "decimal", integer: "numeric" }[kind];
    return make("input", {
      type,
      inputmode,
      autocomplete: "off",
      autocapitalize: "none",
      spellcheck: "false",
    });
  }

  makeSelect(values) {
    this.values = values;
    const options = values.map((value, index) => {
      return make("option", { value: String(index) }, typeof value === "string" ? value : stringify(value));
    });
    return make(
      "select",
      {},
      make("option", { value: "" }, this.what.isRequired ? "–" : "– not sent –"),
      ...options,
    );
  }

  value() {
    const text = this.input.value;
    const { kind, isRequired } = this.what;
    if (this.values) return text === "" ? ABSENT : this.values[Number(text)];
    if (kind === "text") return text !== "" || this.empty?.input.checked || isRequired ? text : ABSENT;
    if (text.trim() === "") return ABSENT;
    return kind === "json" ? this.json(text) : this.number(text.trim());
  }

  json(text) {
    try {
      return parse(text);
    } catch (error) {
      throw new Mistake(this.path, `This is no JSON: ${error.message}`);
    }
  }

  number(text) {
    const isNumber = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text);
    if (/^-?\d+$/.test(text)) return parse(text.replace(/^(-?)0+(?=\d)/, "$1"));
    if (isNumber && Number.isFinite(Number(text))) return Number(text);
    throw new Mistake(this.path, "This is no number.");
  }

  clear() {
    this.input.value = "";
  }

  fill(value) {
    const { kind } = this.what;
    if (this.values) {
      const index = this.values.findIndex((each) => stringify(each) === stringify(value));
      this.input.value = index < 0 ? "" : String(index);
    } else if (kind === "text" && typeof value === "string") {
      this.input.value = value;
      if (value === "" && this.empty) this.empty.input.checked = true;
    } else this.input.value = stringify(value, kind === "json" ? 2 : 0);
  }
}

/** A list with a field for each item. */
class ListField extends Field {
  constructor(what) {
    super(what);
    this.items = [];
    this.list = make("div", { class: "items" });
    this.adder = button("Add item", () => this.add().focus());
    this.element = make(
      "fieldset",
      { class: "field", "aria-describedby": `${this.hint.id} ${this.problem.id}` },
      make("legend", {}, ...notesOf(what)),
      this.below,
      this.list,
      make("div", { class: "buttons" }, this.adder),
      this.problem,
    );
  }

  controls() {
    return [this.adder];
  }

  /** Returns what wants the focus. */
  add(value = ABSENT) {
    this.typed();
    const index = this.items.length;
    const field = fieldOf(
      String(index),
      this.what.schema.items,
      true,
      below(this.what.context, String(index)),
    );
    const remover = button("Remove", () => this.remove(field), { "aria-label": `Remove item ${index}` });
    const row = make("div", { class: "item" }, field.element, remover);
    this.items.push({ field, row });
    this.list.append(row);
    if (value !== ABSENT) field.write(value);
    return field.element.querySelector("input, select, textarea") ?? remover;
  }

  /** Items are written anew: their names are their places. */
  remove(removed) {
    const kept = this.items.filter(({ field }) => field !== removed).map(({ field }) => draft(field));
    this.clear();
    for (const value of kept) this.add(value);
    this.adder.focus();
  }

  value() {
    const values = this.items.map(({ field }) => itemOf(field.read(), field));
    return values.length || this.empty?.input.checked || this.what.isRequired ? values : ABSENT;
  }

  clear() {
    this.items = [];
    this.list.replaceChildren();
  }

  fill(value) {
    if (!Array.isArray(value)) return;
    for (const item of value) this.add(item);
    if (value.length === 0 && this.empty) this.empty.input.checked = true;
  }

  show(path, messages) {
    const isItems = this.items.map(({ field }) => field.show(path, messages)).some(Boolean);
    return path !== "" && isItems ? true : super.show(path, messages);
  }
}

function itemOf(value, field) {
  if (value === ABSENT) throw new Mistake(field.path, "An item has a value.");
  return value;
}

/** What a field holds, ABSENT for a mistake. */
function draft(field) {
  try {
    return field.read();
  } catch {
    return ABSENT;
  }
}

/** An object with a field for each property. */
class ObjectField extends Field {
  constructor(what) {
    super(what);
    const { properties, required = [] } = what.schema;
    this.members = Object.entries(properties).map(([name, schema]) => [
      name,
      fieldOf(name, schema, required.includes(name), below(what.context, name)),
    ]);
    this.element = make(
      "fieldset",
      { class: "field", "aria-describedby": `${this.hint.id} ${this.problem.id}` },
      make("legend", {}, ...notesOf(what)),
      this.below,
      ...this.members.map(([, field]) => field.element),
      this.problem,
    );
    this.element.addEventListener("input", (event) => event.target !== this.null?.input && this.typed());
  }

  controls() {
    return [];
  }

  /** Nothing, where it may be left out and nobody has filled anything in. */
  value() {
    const members = this.members
      .map(([name, field]) => [name, field.read()])
      .filter(([, value]) => value !== ABSENT);
    const isUntouched = members.every(([, value]) => value === "" || (Array.isArray(value) && !value.length));
    return isUntouched && !this.what.isRequired ? ABSENT : Object.fromEntries(members);
  }

  clear() {
    for (const [, field] of this.members) field.write(ABSENT);
  }

  fill(value) {
    if (!isObject(value)) return;
    for (const [name, field] of this.members) field.write(Object.hasOwn(value, name) ? value[name] : ABSENT);
  }

  show(path, messages) {
    const isMembers = this.members.map(([, field]) => field.show(path, messages)).some(Boolean);
    return path !== "" && isMembers ? true : super.show(path, messages);
  }
}
