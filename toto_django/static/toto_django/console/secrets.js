// What is hidden until somebody asks for it: session ids, keys, passwords.

import { utf8 } from "./bytes.js";
import { isObject } from "./values.js";

const SHORTEST_PASSWORD = 4;
/** Characters of ids and keys that are shown. */
const SHOWN = 4;
const PASSWORD = /password/i;

/** Of values as they are sent or answered, and of sessions: how much of each text is shown, by the text. */
export function secretsOf(...values) {
  const secrets = new Map();
  for (const value of values) collect(value, secrets);
  return secrets;
}

function collect(value, secrets) {
  if (Array.isArray(value)) for (const item of value) collect(item, secrets);
  if (!isObject(value)) return;
  for (const [name, item] of Object.entries(value)) {
    if (typeof item !== "string") collect(item, secrets);
    else if (item && (name === "session_id" || (name === "key" && "session_id" in value)))
      secrets.set(item, SHOWN);
    else if (PASSWORD.test(name) && item.length >= SHORTEST_PASSWORD) {
      secrets.set(item, 0);
      secrets.set(JSON.stringify(item).slice(1, -1), 0);
    }
  }
}

/** A text without the secrets in it. */
export function hidden(text, secrets) {
  let shown = text;
  for (const [secret, length] of secrets) shown = shown.replaceAll(secret, () => short(secret, length));
  return shown;
}

function short(secret, length) {
  return length ? `${secret.slice(0, length)}…` : "••••";
}

/** The places of bytes that belong to secrets. */
export function hiddenPlaces(bytes, secrets) {
  const places = new Set();
  for (const [secret, length] of secrets) {
    const wanted = utf8(secret);
    for (let at = bytes.indexOf(wanted[0]); at >= 0; at = bytes.indexOf(wanted[0], at + 1)) {
      if (!wanted.every((byte, index) => bytes[at + index] === byte)) continue;
      for (let index = length; index < wanted.length; index++) places.add(at + index);
    }
  }
  return places;
}
