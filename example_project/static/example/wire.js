// Shows requests and answers as they went over the wire.

const KEPT = 20;
const SEALS = { signed: "answer signed ✓", unsigned: "answer unsigned", forged: "answer with a wrong signature" };

const list = document.querySelector("#exchanges");
const template = document.querySelector("#exchange-template");

/** Put an exchange on top, open unless it is one the page made by itself. */
export function show({ label, request, response, text, seal }, isOpen) {
  const entry = template.content.firstElementChild.cloneNode(true);
  const part = (selector) => entry.querySelector(selector);
  part(".name").textContent = label;
  part(".seal").textContent = SEALS[seal];
  part(".seal").classList.add(seal);
  part(".request").textContent = message(`POST ${request.url}`, request.headers, request.body);
  part(".answer").textContent = message(statusLine(response), response.headers, text);
  if (isOpen) {
    for (const other of list.children) other.open = false;
    entry.open = true;
  }
  list.prepend(entry);
  while (list.children.length > KEPT) list.lastElementChild.remove();
}

function statusLine(response) {
  return `${response.status} ${response.statusText}`.trim();
}

function message(firstLine, headers, body) {
  const lines = [...headers].map(([name, value]) => `${name}: ${value}`);
  return [firstLine, ...lines, "", withoutSecrets(body)].join("\n");
}

function withoutSecrets(body) {
  return body.replace(/("(?:(?:new_)?password|key)":\s*)"(?:[^"\\]|\\.)*"/g, '$1"••••••••"');
}
