const encoder = new TextEncoder();

/** The UTF-8 bytes of a text. Bytes stay as they are. */
export function toBytes(value) {
  return typeof value === "string" ? encoder.encode(value) : value;
}

export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
