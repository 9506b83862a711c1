// All that the page shows is made here, as text: nothing is ever parsed as HTML.

/** The element of an id. */
export function byId(id) {
  return document.getElementById(id);
}

/** A new element. Functions are listeners, booleans attributes without a value; children may be texts. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (typeof value === "boolean") element.toggleAttribute(name, value);
    else if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

let lastId = 0;

/** An id that no other element has. */
export function newId() {
  return `made-${++lastId}`;
}

/** Show a message, as an error or not; "" clears it. */
export function tell(element, text, isError = false) {
  element.textContent = text;
  element.classList.toggle("error", isError);
}

/** A text in a box that scrolls, and that the keyboard reaches. */
export function box(label, text) {
  return make("pre", { tabindex: "0", role: "group", "aria-label": label }, text);
}

/** A button. */
export function button(text, click, attributes = {}) {
  return make("button", { type: "button", class: "quiet", click, ...attributes }, text);
}
