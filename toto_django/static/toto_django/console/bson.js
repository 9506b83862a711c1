// BSON (https://bsonspec.org/spec.html).

import { concat, fromUtf8, packed, Reader, toHex, utf8 } from "./bytes.js";
import { integer, isObject, Special } from "./values.js";

const LITTLE_ENDIAN = { littleEndian: true };
const INT32 = 2 ** 31;
const int32 = (value) => packed("Int32", 4, value, LITTLE_ENDIAN);
const int64 = (value) => packed("BigInt64", 8, BigInt(value), LITTLE_ENDIAN);

/** Of an object. Throws a RangeError for integers of more than 64 bits, a TypeError for what has no form. */
export function encode(value) {
  if (!isObject(value)) throw new TypeError("BSON has objects only.");
  return document(Object.entries(value));
}

function document(members) {
  const elements = members.flatMap(([name, value]) => {
    if (name.includes("\0")) throw new TypeError("A name in BSON cannot hold U+0000.");
    const [type, ...parts] = element(value);
    return [[type], utf8(name), [0], ...parts];
  });
  const body = concat(elements);
  return concat([int32(body.length + 5), body, [0]]);
}

/** The type and the parts of a value. */
function element(value) {
  if (value === null || value === undefined) return [0x0a];
  if (typeof value === "boolean") return [0x08, [value ? 1 : 0]];
  if (typeof value === "bigint" || Number.isSafeInteger(value)) return integerElement(value);
  if (typeof value === "number") return [0x01, packed("Float64", 8, value, LITTLE_ENDIAN)];
  if (typeof value === "string") {
    const bytes = utf8(value);
    return [0x02, int32(bytes.length + 1), bytes, [0]];
  }
  if (value instanceof Uint8Array) return [0x05, int32(value.length), [0], value];
  if (value instanceof Date) return [0x09, int64(value.getTime())];
  if (Array.isArray(value)) return [0x04, document(value.map((item, index) => [String(index), item]))];
  if (isObject(value)) return [0x03, document(Object.entries(value))];
  throw new TypeError("BSON has no form of this value.");
}

function integerElement(value) {
  if (value >= -INT32 && value < INT32) return [0x10, int32(Number(value))];
  if (BigInt.asIntN(64, BigInt(value)) !== BigInt(value)) {
    throw new RangeError("BSON has integers of 64 bits only.");
  }
  return [0x12, int64(value)];
}

/** Throws for what is no BSON. */
export function decode(bytes) {
  const reader = new Reader(bytes, LITTLE_ENDIAN);
  const members = readDocument(reader);
  if (!reader.isAtEnd) throw new RangeError("There is more behind the document.");
  return Object.fromEntries(members);
}

function readDocument(reader) {
  const end = reader.offset + reader.number("Int32", 4);
  const members = [];
  for (let type = reader.byte(); type !== 0; type = reader.byte()) {
    const name = fromUtf8(reader.untilZero());
    if (!(type in READERS)) throw new RangeError(`The console reads no BSON type 0x${type.toString(16)}.`);
    members.push([name, READERS[type](reader)]);
  }
  if (reader.offset !== end) throw new RangeError("A document's length is wrong.");
  return members;
}

function readText(reader) {
  const bytes = reader.take(reader.number("Int32", 4));
  return fromUtf8(bytes.subarray(0, -1));
}

function readBinary(reader) {
  const length = reader.number("Int32", 4);
  const subtype = reader.byte();
  const bytes = reader.take(length);
  return subtype === 0 ? bytes : new Special(`binary ${subtype}: ${toHex(bytes)}`);
}

const READERS = {
  0x01: (reader) => reader.number("Float64", 8),
  0x02: readText,
  0x03: (reader) => Object.fromEntries(readDocument(reader)),
  0x04: (reader) => readDocument(reader).map(([, item]) => item),
  0x05: readBinary,
  0x07: (reader) => new Special(toHex(reader.take(12))),
  0x08: (reader) => reader.byte() !== 0,
  0x09: (reader) => new Date(Number(reader.number("BigInt64", 8))),
  0x0a: () => null,
  0x0b: (reader) => new Special(`/${fromUtf8(reader.untilZero())}/${fromUtf8(reader.untilZero())}`),
  0x10: (reader) => reader.number("Int32", 4),
  0x11: (reader) => new Special(`timestamp ${reader.number("BigUint64", 8)}`),
  0x12: (reader) => integer(reader.number("BigInt64", 8)),
  0x13: (reader) => new Special(`decimal128: ${toHex(reader.take(16))}`),
};
