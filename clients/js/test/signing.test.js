import assert from "node:assert/strict";
import { test } from "node:test";

import { hmac } from "../fixtures/service.js";
import { schemeOf, sign, verifiedKey } from "../src/signing.js";

const bytes = (text) => new TextEncoder().encode(text);

// These signatures are those of docs/signing.md.

test("user_id signs the body with the user id", () => {
  const scheme = schemeOf("user_id");
  const session = { sessionId: "s", userId: "ada@example.com" };
  const signed = (body) => sign(scheme.requestKey(session), scheme.requestMessage("/service/", body));
  assert.equal(signed('{"method": "greetings.count"}'), "w47T0dY+E/Ng5VSoOyB9n0I5OIU=");
  const body = '{"method": "greetings.hello", "parameters": {"name": "Zoë ☃"}}';
  assert.equal(signed(body), "lZ9Pim5A7+9HbPAE/3+51dPHanc=");
});

test("user_id signs with the empty key for an anonymous session", () => {
  const scheme = schemeOf("user_id");
  const message = scheme.requestMessage("/", "{}");
  assert.equal(sign(scheme.requestKey({ sessionId: "s", userId: "" }), message), hmac("", "{}"));
});

test("session_key signs verb, path, query and body with the session's key", () => {
  const scheme = schemeOf("session_key");
  const session = { sessionId: "s", userId: "ada", key: "Hj7t9yxQR_iQ-XentFQh-g" };
  const message = scheme.requestMessage("/service/greetings/count?trace=1", "{}");
  assert.equal(sign(scheme.requestKey(session), message), "23/sh8DUstvJ8sBwb69ME2IjhTI=");
});

test("an answer under user_id is verified over its bytes", () => {
  const scheme = schemeOf("user_id");
  const keys = scheme.answerKeys({ session_id: "s", user_id: "zoë" }, [], null);
  const answer = { bytes: bytes("{…}"), hmac: hmac("zoë", "{…}") };
  assert.equal(verifiedKey(scheme, keys, "s", answer), "zoë");
});

test("an answer under session_key is verified over the session id and its bytes", () => {
  const scheme = schemeOf("session_key");
  const answer = { bytes: bytes("{☃}"), hmac: hmac("key", "s{☃}") };
  assert.equal(verifiedKey(scheme, ["other", "key"], "s", answer), "key");
});

for (const [name, signature] of [
  ["wrong", hmac("eve", "{}")],
  ["missing", null],
]) {
  test(`an answer whose signature is ${name} is error 1009`, () => {
    const check = () =>
      verifiedKey(schemeOf("user_id"), ["ada"], "s", { bytes: bytes("{}"), hmac: signature });
    assert.throws(check, { code: 1009, name: "TotoError" });
  });
}

test("an answer cannot bring a new key for a session that has one", () => {
  const { answerKeys } = schemeOf("session_key");
  const given = { session_id: "s", user_id: "ada", key: "forged" };
  const results = [{ session_id: "s", key: "forged too" }];
  assert.deepEqual(answerKeys(given, results, { sessionId: "s", key: "own" }), ["own"]);
  assert.deepEqual(answerKeys(given, results, { sessionId: "before", key: "own" }), [
    "forged",
    "forged too",
    "own",
  ]);
  assert.deepEqual(answerKeys(given, results, null), ["forged", "forged too"]);
});

test("an unknown scheme is a TypeError", () => {
  assert.equal(schemeOf(null), null);
  for (const name of ["sha256", "toString", true]) assert.throws(() => schemeOf(name), TypeError);
});
