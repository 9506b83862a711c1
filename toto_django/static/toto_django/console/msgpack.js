// MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md).

import { concat, fromUtf8, packed, Reader, toHex, utf8 } from "./bytes.js";
import { integer, Special } from "./values.js";

const BIG_ENDIAN = { littleEndian: false };
const WIDTHS = [
  [0xff, "Uint8", 1],
  [0xffff, "Uint16", 2],
  [0xffffffff, "Uint32", 4],
];

/** Throws a RangeError for integers of more than 64 bits, a TypeError for what has no form. */
export function encode(value) {
  const parts = [];
  write(value, parts);
  return concat(parts);
}

function write(value, parts) {
  if (value === null || value === undefined) parts.push([0xc0]);
  else if (typeof value === "boolean") parts.push([value ? 0xc3 : 0xc2]);
  else if (typeof value === "bigint" || Number.isSafeInteger(value)) parts.push(integerBytes(value));
  else if (typeof value === "number") parts.push([0xcb], packed("Float64", 8, value, BIG_ENDIAN));
  else if (typeof value === "string") writeSized(utf8(value), { fix: [0xa0, 31], from: 0xd9 }, parts);
  else if (value instanceof Uint8Array) writeSized(value, { fix: [0, -1], from: 0xc4 }, parts);
  else if (Array.isArray(value)) {
    parts.push(head(value.length, { fix: [0x90, 15], from: 0xdc, widths: WIDTHS.slice(1) }));
    for (const item of value) write(item, parts);
  } else if (Object.getPrototypeOf(value) === Object.prototype) {
    const members = Object.entries(value);
    parts.push(head(members.length, { fix: [0x80, 15], from: 0xde, widths: WIDTHS.slice(1) }));
    for (const member of members) for (const each of member) write(each, parts);
  } else throw new TypeError("MessagePack has no form of this value.");
}

function writeSized(bytes, form, parts) {
  parts.push(head(bytes.length, form), bytes);
}

/** Type and length; up to `fix[1]` both are one byte. */
function head(length, { fix, from, widths = WIDTHS }) {
  if (length <= fix[1]) return [fix[0] | length];
  const index = widths.findIndex(([most]) => length <= most);
  const [, type, size] = widths[index];
  return [from + index, ...packed(type, size, length, BIG_ENDIAN)];
}

function integerBytes(value) {
  if (value >= 0 && value < 0x80) return [Number(value)];
  if (value < 0 && value >= -0x20) return [0x100 + Number(value)];
  const big = BigInt(value);
  if (big >= 0n) {
    const index = WIDTHS.findIndex(([most]) => big <= most);
    if (index >= 0)
      return [0xcc + index, ...packed(WIDTHS[index][1], WIDTHS[index][2], Number(big), BIG_ENDIAN)];
    if (big >> 64n) throw new RangeError("MessagePack has integers of 64 bits only.");
    return [0xcf, ...packed("BigUint64", 8, big, BIG_ENDIAN)];
  }
  if (big < -(2n ** 63n)) throw new RangeError("MessagePack has integers of 64 bits only.");
  return [0xd3, ...packed("BigInt64", 8, big, BIG_ENDIAN)];
}

/** Throws for what is no MessagePack. */
export function decode(bytes) {
  const reader = new Reader(bytes, BIG_ENDIAN);
  const value = read(reader);
  if (!reader.isAtEnd) throw new RangeError("There is more behind the value.");
  return value;
}

const SIZES = [
  ["Uint8", 1],
  ["Uint16", 2],
  ["Uint32", 4],
];
/** By the first byte. */
const NUMBERS = {
  0xca: ["Float32", 4],
  0xcb: ["Float64", 8],
  0xcc: ["Uint8", 1],
  0xcd: ["Uint16", 2],
  0xce: ["Uint32", 4],
  0xcf: ["BigUint64", 8],
  0xd0: ["Int8", 1],
  0xd1: ["Int16", 2],
  0xd2: ["Int32", 4],
  0xd3: ["BigInt64", 8],
};
const CONSTANTS = { 0xc0: null, 0xc2: false, 0xc3: true };

function read(reader) {
  const type = reader.byte();
  if (type < 0x80) return type;
  if (type < 0x90) return readMap(reader, type & 0x0f);
  if (type < 0xa0) return readArray(reader, type & 0x0f);
  if (type < 0xc0) return text(reader.take(type & 0x1f));
  if (type >= 0xe0) return type - 0x100;
  if (type in CONSTANTS) return CONSTANTS[type];
  if (type in NUMBERS) {
    const number = reader.number(...NUMBERS[type]);
    return typeof number === "bigint" ? integer(number) : number;
  }
  const sized = (first) => reader.number(...SIZES[type - first]);
  if (type >= 0xc4 && type <= 0xc6) return reader.take(sized(0xc4));
  if (type >= 0xc7 && type <= 0xc9) return extension(reader, sized(0xc7));
  if (type >= 0xd4 && type <= 0xd8) return extension(reader, 2 ** (type - 0xd4));
  if (type >= 0xd9 && type <= 0xdb) return text(reader.take(sized(0xd9)));
  if (type === 0xdc || type === 0xdd) return readArray(reader, reader.number(...SIZES[type - 0xdb]));
  if (type === 0xde || type === 0xdf) return readMap(reader, reader.number(...SIZES[type - 0xdd]));
  throw new RangeError("This is no MessagePack.");
}

/** Old servers send bytes as text. */
function text(bytes) {
  try {
    return fromUtf8(bytes);
  } catch {
    return bytes;
  }
}

function readArray(reader, length) {
  const items = [];
  for (let index = 0; index < length; index++) items.push(read(reader));
  return items;
}

function readMap(reader, length) {
  const members = [];
  for (let index = 0; index < length; index++) members.push([String(read(reader)), read(reader)]);
  return Object.fromEntries(members);
}

function extension(reader, length) {
  const type = reader.number("Int8", 1);
  return new Special(`extension ${type}: ${toHex(reader.take(length))}`);
}
