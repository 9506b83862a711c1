const encoder = new TextEncoder();

/** The UTF-8 bytes of a text. */
export function utf8(text) {
  return encoder.encode(text);
}

/** The text of UTF-8 bytes. Throws a TypeError for others. */
export function fromUtf8(bytes) {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

export function concat(parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

export function toBase64(bytes) {
  let characters = "";
  for (const byte of bytes) characters += String.fromCharCode(byte);
  return btoa(characters);
}

export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Reads bytes from their beginning to their end. Throws a RangeError beyond it. */
export class Reader {
  #view;
  #bytes;
  #littleEndian;

  constructor(bytes, { littleEndian }) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#littleEndian = littleEndian;
    this.offset = 0;
  }

  get isAtEnd() {
    return this.offset === this.#bytes.length;
  }

  byte() {
    return this.number("Uint8", 1);
  }

  /** By the type that DataView knows it by, and its size. */
  number(type, size) {
    const value = this.#view[`get${type}`](this.offset, this.#littleEndian);
    this.offset += size;
    return value;
  }

  take(length) {
    if (length < 0 || this.offset + length > this.#bytes.length) throw new RangeError("The data ends early.");
    this.offset += length;
    return this.#bytes.slice(this.offset - length, this.offset);
  }

  /** What precedes the next zero byte, which is read too. */
  untilZero() {
    const end = this.#bytes.indexOf(0, this.offset);
    if (end < 0) throw new RangeError("The data ends early.");
    const taken = this.take(end - this.offset);
    this.offset++;
    return taken;
  }
}

/** The bytes of a number, by the type that DataView knows it by. */
export function packed(type, size, value, { littleEndian }) {
  const view = new DataView(new ArrayBuffer(size));
  view[`set${type}`](0, value, littleEndian);
  return new Uint8Array(view.buffer);
}
