import { byId, make } from "./dom.js";

/** The list of methods by their apps, with its filter. Links lead to #<name>. */
export class MethodList {
  #methods;
  #links = new Map();
  #groups = [];

  constructor(methods) {
    this.#methods = methods;
    for (const [app, members] of byApp(methods)) this.#addGroup(app, members);
    byId("search").addEventListener("input", () => this.#filter());
    byId("search").addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.#first()?.click();
    });
    this.#filter();
  }

  #addGroup(app, methods) {
    const items = methods.map((method) => {
      const link = make(
        "a",
        { href: `#${encodeURIComponent(method.name)}`, title: method.summary },
        method.name,
      );
      if (method.deprecated) link.classList.add("deprecated");
      this.#links.set(method.name, link);
      return make("li", {}, link);
    });
    const id = `app-${this.#groups.length}`;
    const group = make("div", {}, make("h3", { id }, app), make("ul", { "aria-labelledby": id }, ...items));
    this.#groups.push(group);
    byId("methods").append(group);
  }

  /** All words of the filter are in the name or the summary. */
  #filter() {
    const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const { name, summary = "" } of this.#methods) {
      const text = `${name} ${summary}`.toLowerCase();
      const isFound = words.every((word) => text.includes(word));
      this.#links.get(name).parentElement.hidden = !isFound;
      found += isFound;
    }
    for (const group of this.#groups) group.hidden = !group.querySelector("li:not([hidden])");
    byId("found").textContent = words.length ? `${found} of ${this.#methods.length}` : `${found} methods`;
  }

  #first() {
    return byId("methods").querySelector("li:not([hidden]) a");
  }

  /** The method that the address names, undefined for none. */
  chosen() {
    let name = location.hash.slice(1);
    try {
      name = decodeURIComponent(name);
    } catch {
      return undefined;
    }
    return this.#methods.find((method) => method.name === name);
  }

  mark(chosen) {
    for (const [name, link] of this.#links) {
      if (name === chosen?.name) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }
}

function byApp(methods) {
  const apps = new Map();
  for (const method of methods) {
    const app = method.tags?.[0]?.name ?? "";
    if (!apps.has(app)) apps.set(app, []);
    apps.get(app).push(method);
  }
  return [...apps].sort(([one], [other]) => (one < other ? -1 : 1));
}
