import { fromUtf8, toBase64, utf8 } from "./bytes.js";
import { integer, Special } from "./values.js";

/** A value of JSON. Integers of any size stay exact, where the browser tells how they were written. */
export function parse(text) {
  return JSON.parse(text, (key, value, context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
      ? integer(BigInt(context.source))
      : value,
  );
}

/** JSON text. What JSON has no form of becomes text: bytes are base64. */
export function stringify(value, indent = 0) {
  return written(value, indent ? "\n" : "", " ".repeat(indent));
}

function written(value, line, step) {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return number(value);
  if (value instanceof Uint8Array) return JSON.stringify(toBase64(value));
  if (value instanceof Date) return JSON.stringify(dateText(value));
  if (value instanceof Special) return JSON.stringify(value.text);
  const inner = line && line + step;
  const separator = line ? ": " : ":";
  if (Array.isArray(value)) {
    return enclosed(
      "[",
      value.map((item) => written(item, inner, step)),
      "]",
      line,
      inner,
    );
  }
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).map(
      ([name, item]) => JSON.stringify(name) + separator + written(item, inner, step),
    );
    return enclosed("{", members, "}", line, inner);
  }
  return JSON.stringify(value ?? null);
}

/** Without a fraction it is taken for an integer, which a number of this size need not be exactly. */
function number(value) {
  if (!Number.isFinite(value)) return JSON.stringify(String(value));
  return Number.isSafeInteger(value) || !/^-?\d+$/.test(value) ? String(value) : `${value}.0`;
}

function enclosed(opening, parts, closing, line, inner) {
  return parts.length === 0 ? opening + closing : opening + inner + parts.join(`,${inner}`) + line + closing;
}

function dateText(date) {
  return Number.isNaN(date.getTime()) ? "invalid date" : date.toISOString();
}

export const encode = (value) => utf8(stringify(value));
export const decode = (bytes) => parse(fromUtf8(bytes));
