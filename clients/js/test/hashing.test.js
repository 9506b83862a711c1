import assert from "node:assert/strict";
import { createHash, createHmac, randomBytes } from "node:crypto";
import { describe, test } from "node:test";

import { toBase64 } from "../src/base64.js";
import { hmacSha1, hmacSha256 } from "../src/hmac.js";
import { sha1 } from "../src/sha1.js";
import { sha256 } from "../src/sha256.js";

const TEXTS = ["", "a", "Zoë ☃", "日本語", "🦊".repeat(40), "\0", "é".repeat(64)];

const hex = (bytes) => Buffer.from(bytes).toString("hex");

for (const [name, hash, mac] of [
  ["sha1", sha1, hmacSha1],
  ["sha256", sha256, hmacSha256],
]) {
  const expectedMac = (key, message) => createHmac(name, key).update(message).digest("hex");

  describe(name, () => {
    test("agrees with node:crypto on every length up to five blocks", () => {
      for (let length = 0; length <= 320; length++) {
        const message = randomBytes(length);
        assert.equal(hex(hash(message)), createHash(name).update(message).digest("hex"), `${length} bytes`);
      }
    });

    test("agrees with node:crypto on a long message", () => {
      const message = randomBytes(1_000_003);
      assert.equal(hex(hash(message)), createHash(name).update(message).digest("hex"));
    });

    test("makes the same HMAC as node:crypto with keys of every length up to three blocks", () => {
      for (let length = 0; length <= 192; length++) {
        const [key, message] = [randomBytes(length), randomBytes(3 * length)];
        assert.equal(hex(mac(key, message)), expectedMac(key, message), `${length} bytes`);
      }
    });

    test("takes texts as UTF-8", () => {
      for (const key of TEXTS) {
        for (const message of TEXTS) assert.equal(hex(mac(key, message)), expectedMac(key, message));
      }
    });
  });
}

test("SHA-1 and SHA-256 of the standards' examples", () => {
  const abc = new TextEncoder().encode("abc");
  assert.equal(hex(sha1(abc)), "a9993e364706816aba3e25717850c26c9cd0d89d");
  assert.equal(hex(sha256(abc)), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});

test("base64 of every length of the last group", () => {
  for (let length = 0; length < 9; length++) {
    const bytes = randomBytes(length);
    assert.equal(toBase64(bytes), bytes.toString("base64"));
  }
});
