// Plain values as the formats have them: null, booleans, numbers, BigInt for integers that a number cannot
// hold, texts, Uint8Array, Date, arrays and objects. `Special` is for what else the server may send.

/** Something that JavaScript has no type of, shown by its text. */
export class Special {
  constructor(text) {
    this.text = text;
  }
}

/** A number if it can hold the integer exactly, else the BigInt. */
export function integer(big) {
  const number = Number(big);
  return Number.isSafeInteger(number) ? number : BigInt(big);
}

export function isObject(value) {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array || value instanceof Date || value instanceof Special)
  );
}
