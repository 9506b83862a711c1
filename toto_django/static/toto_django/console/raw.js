// Requests and answers as they went over the wire.

import { fromUtf8, toBase64 } from "./bytes.js";
import { box, button, make } from "./dom.js";
import { formatOf } from "./formats.js";
import { hidden, hiddenPlaces } from "./secrets.js";

const LONGEST = 100_000;
/** Bytes of one line of hex. */
const WIDTH = 16;
const NOTHING = new Map();

/** The whole exchange. `asHex` is null for what suits the format. */
export function exchangeView(exchange, { isRevealed, asHex }) {
  const secrets = isRevealed ? NOTHING : exchange.secrets;
  const { request, response } = exchange;
  const hex = isHex(exchange, asHex);
  return [
    part("Request", size(request.body), [
      box("Request line and headers", hidden(head(request), secrets)),
      bodyView("Request body", request.body, hex, secrets),
      ...signatureView("request", request.signature, "Not signed: no session, or no scheme.", secrets),
    ]),
    response.body === undefined
      ? null
      : part("Answer", `${time(exchange.milliseconds)}, ${size(response.body)}`, [
          box("Status and headers", hidden(answerHead(response), secrets)),
          bodyView("Answer body", response.body, hex, secrets),
          ...signatureView("answer", exchange.signature, "Not signed: it holds no session.", secrets),
        ]),
    curlView(request, secrets),
  ].filter((element) => element !== null);
}

/** Whether bodies are shown as hex: as somebody wished, else where they are no text. */
export function isHex({ request }, asHex) {
  return asHex ?? !isText(request.headers["content-type"]);
}

export function time(milliseconds) {
  return `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;
}

export function size(bytes) {
  return bytes.length === 1 ? "1 byte" : `${bytes.length.toLocaleString("en")} bytes`;
}

/** A text of a size that the page can show. */
export function clipped(text) {
  if (text.length <= LONGEST) return text;
  return `${text.slice(0, LONGEST)}\n… and ${(text.length - LONGEST).toLocaleString("en")} characters more.`;
}

/** Offsets, bytes and ASCII; bytes of secrets are dots. */
export function hexText(bytes, secrets = NOTHING) {
  const most = LONGEST / WIDTH;
  const places = hiddenPlaces(bytes, secrets);
  const lines = [];
  for (let offset = 0; offset < bytes.length && lines.length < most; offset += WIDTH) {
    const indexes = Array.from(bytes.subarray(offset, offset + WIDTH), (_, index) => offset + index);
    const codes = indexes.map((at) => (places.has(at) ? "··" : bytes[at].toString(16).padStart(2, "0")));
    const characters = indexes.map((at) => (places.has(at) ? "·" : character(bytes[at])));
    const address = offset.toString(16).padStart(4, "0");
    lines.push(`${address}  ${codes.join(" ").padEnd(WIDTH * 3 - 1)}  ${characters.join("")}`);
  }
  if (lines.length === most) lines.push("…");
  return lines.join("\n");
}

function character(byte) {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".";
}

function isText(contentType) {
  return formatOf(contentType)?.isText ?? false;
}

function part(title, details, children) {
  return make(
    "section",
    { class: "part" },
    make("h3", {}, title, " ", make("small", {}, details)),
    ...children,
  );
}

function head({ uri, headers }) {
  return [`POST ${uri}`, ...Object.entries(headers).map((header) => header.join(": "))].join("\n");
}

function answerHead({ status, statusText, headers }) {
  return [`${status} ${statusText}`.trim(), ...[...headers].map((header) => header.join(": "))].join("\n");
}

function bodyView(label, body, hex, secrets) {
  if (body.length === 0) return make("p", { class: "hint" }, "No body.");
  const text = hex ? null : textOf(body);
  if (text !== null) return box(label, clipped(hidden(text, secrets)));
  const view = box(label, hexText(body, secrets));
  view.classList.add("hex");
  return view;
}

/** Null for what is no UTF-8. */
function textOf(body) {
  try {
    return fromUtf8(body);
  } catch {
    return null;
  }
}

function signatureView(signed, signature, missing, secrets) {
  if (!signature) return [make("p", { class: "hint" }, missing)];
  const { hmac, hash, key, prefix, lines, message, isRight } = signature;
  const verdict = { true: "Right: ", false: "Wrong: " }[isRight] ?? "";
  const body = prefix ? `${hidden(prefix, secrets)}, then the body` : "the body";
  const text = `${verdict}${hash} of ${lines ? `the lines below: ${lines}` : body}. Its key is ${key}.`;
  const code = make("code", {}, hmac || "none");
  const style = isRight === false ? "signature error" : "signature";
  const view = make("p", { class: style }, text, " ", code);
  return lines ? [view, box(`Signed lines of the ${signed}`, hidden(message, secrets))] : [view];
}

// curl

function curlView(request, secrets) {
  const told = make("span", { role: "status", class: "hint" });
  const copy = button("Copy as curl", async () => {
    told.textContent = "";
    try {
      await navigator.clipboard.writeText(curl(request));
      told.textContent = "Copied, with its secrets.";
    } catch {
      told.textContent = "This browser does not let pages copy here: reveal the secrets, and copy the text.";
    }
  });
  return make(
    "details",
    { class: "part" },
    make("summary", {}, "curl"),
    box("curl command", clipped(hidden(curl(request), secrets))),
    make("p", { class: "buttons" }, copy, told),
  );
}

/** The same request, signed anew, for a POSIX shell. */
export function curl({ url, anew, body }) {
  const headers = anew();
  const options = Object.entries(headers).map((header) => `-H ${quoted(header.join(": "))}`);
  const command = ["curl -sS", quoted(url.href), ...options].join(" ");
  if (isText(headers["content-type"])) return `${command} --data-binary ${quoted(fromUtf8(body))}`;
  return `echo ${toBase64(body)} | base64 -d | ${command} --data-binary @- --output -`;
}

function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
