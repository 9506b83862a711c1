import { concat, toBytes } from "./bytes.js";
import { sha1 } from "./sha1.js";
import { sha256 } from "./sha256.js";

const BLOCK_SIZE = 64;

/** HMAC-SHA1 of a message. Texts are taken as UTF-8. */
export function hmacSha1(key, message) {
  return hmac(sha1, toBytes(key), toBytes(message));
}

/** HMAC-SHA256 of a message. Texts are taken as UTF-8. */
export function hmacSha256(key, message) {
  return hmac(sha256, toBytes(key), toBytes(message));
}

/** RFC 2104. */
function hmac(hash, key, message) {
  const block = new Uint8Array(BLOCK_SIZE);
  block.set(key.length > BLOCK_SIZE ? hash(key) : key);
  const innerKey = block.map((byte) => byte ^ 0x36);
  const outerKey = block.map((byte) => byte ^ 0x5c);
  return hash(concat(outerKey, hash(concat(innerKey, message))));
}
