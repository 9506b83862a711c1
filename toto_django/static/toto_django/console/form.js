import { box, make, newId } from "./dom.js";
import { ABSENT, fieldOf, Mistake } from "./fields.js";
import { parse, stringify } from "./json.js";
import { inWords, resolved } from "./schema.js";
import { isObject } from "./values.js";

const MISSING = /^Missing parameters: (.*)$/;
const OTHERS = "Other parameters";

/** The parameters of a method, as a form with a field for each and as one text of JSON. */
export class MethodForm {
  #fields;
  #others = null;
  #mode;
  #text;
  #problem = make("p", { class: "problem", id: newId() });

  constructor(method, components) {
    this.method = method;
    const context = { components, level: 0 };
    this.#fields = method.params.map(({ name, schema, required, description }) => {
      const described = description && isObject(schema) ? { description, ...schema } : schema;
      return [name, fieldOf(name, described, Boolean(required), { ...context, path: [name] })];
    });
    const others = method["x-toto-other-parameters"] ?? false;
    if (others !== false) {
      const description = isObject(others) ? (others.description ?? "") : "";
      const schema = { type: "object", description };
      this.#others = fieldOf(OTHERS, schema, false, { ...context, path: [OTHERS] });
    }
    this.#text = make("textarea", {
      class: "code",
      rows: "8",
      spellcheck: "false",
      "aria-label": "Parameters, as JSON",
      "aria-describedby": this.#problem.id,
    });
    this.#text.value = stringify(this.#example(), 2);
    this.#mode = this.#knowsTypes(components) ? "form" : "json";
  }

  get mode() {
    return this.#mode;
  }

  /** Whether anything is known that a form can use. */
  #knowsTypes(components) {
    if (this.method.params.length === 0) return this.#others === null;
    return this.method.params.some(({ schema }) => resolved(schema, components).kind !== "json");
  }

  /** What `requires` and `default_parameters` tell. */
  #example() {
    const told = this.method.params.filter(({ required, schema }) => required || "default" in (schema ?? {}));
    return Object.fromEntries(told.map(({ name, schema }) => [name, schema?.default ?? null]));
  }

  /** The elements of the mode. */
  elements(components) {
    if (this.#mode === "json") return [...this.#table(components), this.#text, this.#problem];
    const fields = this.#fields.map(([, field]) => field.element);
    if (this.#others) fields.push(this.#others.element);
    return fields.length ? fields : [make("p", { class: "hint" }, "It takes none.")];
  }

  #table(components) {
    if (!this.method.params.length) return [];
    const rows = this.method.params.flatMap(({ name, required, schema }) => {
      const type = resolved(schema, components);
      const known = isObject(schema) && "default" in schema ? `default ${stringify(schema.default)}` : "";
      const told = [required ? "required" : "", inWords(type), known, type.schema.description ?? ""];
      return [make("dt", {}, name), make("dd", {}, told.filter(Boolean).join(", "))];
    });
    return [make("dl", { class: "known" }, ...rows)];
  }

  /** Go on in another mode with the same values. Throws a Mistake where they are none. */
  switchTo(mode) {
    if (mode === this.#mode) return;
    const parameters = this.read();
    if (mode === "json") this.#text.value = stringify(parameters, 2);
    else this.#write(parameters);
    this.#mode = mode;
  }

  /** Throws a Mistake. */
  read() {
    if (this.#mode === "form") return this.#readFields();
    try {
      return parse(this.#text.value.trim() || "{}");
    } catch (error) {
      throw new Mistake("", `This is no JSON: ${error.message}`);
    }
  }

  #readFields() {
    const members = this.#fields.map(([name, field]) => [name, field.read()]);
    const others = this.#others?.read() ?? ABSENT;
    if (others !== ABSENT && !isObject(others)) throw new Mistake(OTHERS, "These are an object.");
    const given = members.filter(([, value]) => value !== ABSENT);
    return Object.fromEntries([...(others === ABSENT ? [] : Object.entries(others)), ...given]);
  }

  #write(parameters) {
    if (!isObject(parameters)) throw new Mistake("", "A form has objects only.");
    const names = new Set(this.#fields.map(([name]) => name));
    const rest = Object.entries(parameters).filter(([name]) => !names.has(name));
    if (rest.length && !this.#others) throw new Mistake("", `There is no field for ${rest[0][0]}.`);
    for (const [name, field] of this.#fields) {
      field.write(Object.hasOwn(parameters, name) ? parameters[name] : ABSENT);
    }
    this.#others?.write(rest.length ? Object.fromEntries(rest) : ABSENT);
  }

  // Mistakes

  /** Take back all that was said about mistakes. */
  forget() {
    for (const field of this.#allFields()) field.show("", []);
    this.#problem.textContent = "";
    this.#text.removeAttribute("aria-invalid");
  }

  /** Say messages, by their paths, where they belong. Returns the lines for which there is no place. */
  tell(fields) {
    if (this.#mode === "json") {
      this.#text.setAttribute("aria-invalid", "true");
      this.#problem.textContent = Object.entries(fields).map(lineOf).join("\n");
      return [];
    }
    return Object.entries(fields)
      .filter(
        ([path, messages]) => !this.#allFields().some((field) => path && field.show(path, [messages].flat())),
      )
      .map(lineOf);
  }

  #allFields() {
    return [...this.#fields.map(([, field]) => field), ...(this.#others ? [this.#others] : [])];
  }
}

function lineOf([path, messages]) {
  return [path, [messages].flat().join(" ")].filter(Boolean).join(": ");
}

/** Messages by path of an error of the service: 1003 and 1100 have them. */
export function fieldsOf(error) {
  if (isObject(error?.fields)) return error.fields;
  const names = error?.code === 1003 ? (MISSING.exec(error.value)?.[1].split(", ") ?? []) : [];
  return Object.fromEntries(names.map((name) => [name, ["Missing."]]));
}

/** What is told of a method. */
export function docsOf(method, errors) {
  const marks = [
    { account: "login", parameter: "session_id", anonymous: "anonymous session", optional: "login optional" }[
      method["x-toto-session"]
    ],
    method["x-toto-asynchronous"] ? "may answer late" : "",
    method["x-toto-raw"] ? "raw answer" : "",
    method["x-toto-jsonp"] ? "jsonp" : "",
    method.deprecated ? "deprecated" : "",
  ].filter(Boolean);
  const advice = method["x-toto-deprecated"];
  const lines = (method.errors ?? []).map((each) => errorLine(each, errors)).filter(Boolean);
  return [
    marks.length ? make("p", { class: "marks" }, ...marks.map((mark) => make("span", {}, mark))) : null,
    method.summary ? make("p", {}, method.summary) : null,
    method.description ? make("p", { class: "description" }, method.description) : null,
    advice ? make("p", { class: "hint" }, `Deprecated: ${advice}`) : null,
    make(
      "details",
      {},
      make("summary", {}, "Result and errors"),
      box("Schema of the result", stringify(method.result?.schema ?? {}, 2)),
      lines.length
        ? make("ul", { class: "errors" }, ...[...new Set(lines)].map((line) => make("li", {}, line)))
        : null,
    ),
  ].filter((element) => element !== null);
}

function errorLine({ $ref = "", code, message }, errors) {
  const name = $ref.slice($ref.lastIndexOf("/") + 1);
  const known = Object.hasOwn(errors, name) ? errors[name] : { code, message };
  return known.code === undefined ? "" : `${known.code} ${known.message ?? ""}`;
}
