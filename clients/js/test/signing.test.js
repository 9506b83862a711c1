import assert from "node:assert/strict";
import { test } from "node:test";

import { hmac } from "../fixtures/service.js";
import { schemeOf, signAnswer, signRequest, verifiedKey } from "../src/signing.js";

const bytes = (text) => new TextEncoder().encode(text);

// These signatures are those of docs/signing.md.

test("user_id signs the body with the user id", () => {
  const scheme = schemeOf("user_id");
  const session = { sessionId: "s", userId: "ada@example.com" };
  const signed = (body) => scheme.signRequest(scheme.requestKey(session), { body }).hmac;
  assert.equal(signed('{"method": "greetings.count"}'), "w47T0dY+E/Ng5VSoOyB9n0I5OIU=");
  const body = '{"method": "greetings.hello", "parameters": {"name": "Zoë ☃"}}';
  assert.equal(signed(body), "lZ9Pim5A7+9HbPAE/3+51dPHanc=");
});

test("user_id signs with the empty key for an anonymous session", () => {
  const scheme = schemeOf("user_id");
  const key = scheme.requestKey({ sessionId: "s", userId: "" });
  assert.equal(scheme.signRequest(key, { body: "{}" }).hmac, hmac("", "{}"));
});

test("session_key signs verb, path, query and body with the session's key", () => {
  const scheme = schemeOf("session_key");
  const session = { sessionId: "s", userId: "ada", key: "Hj7t9yxQR_iQ-XentFQh-g" };
  const request = { method: "POST", uri: "/service/greetings/count?trace=1", body: "{}" };
  const signature = scheme.signRequest(scheme.requestKey(session), request);
  assert.equal(signature.hmac, "23/sh8DUstvJ8sBwb69ME2IjhTI=");
  assert.deepEqual(scheme.signRequest(session.key, { ...request, body: bytes("{}") }), signature);
});

test("an answer under user_id is verified over its bytes", () => {
  const scheme = schemeOf("user_id");
  const keys = scheme.answerKeys({ session_id: "s", user_id: "zoë" }, [], null);
  const answer = { sessionId: "s", bytes: bytes("{…}") };
  assert.equal(verifiedKey(scheme, keys, hmac("zoë", "{…}"), answer), "zoë");
});

test("an answer under session_key is verified over the session id and its bytes", () => {
  const scheme = schemeOf("session_key");
  const answer = { sessionId: "s", bytes: bytes("{☃}") };
  assert.equal(verifiedKey(scheme, ["other", "key"], hmac("key", "s{☃}"), answer), "key");
});

for (const [name, signature] of [
  ["wrong", hmac("eve", "{}")],
  ["missing", null],
]) {
  test(`an answer whose signature is ${name} is error 1009`, () => {
    const answer = { sessionId: "s", bytes: bytes("{}") };
    const check = () => verifiedKey(schemeOf("user_id"), ["ada"], signature, answer);
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

for (const [signing, key, message] of [
  ["user_id", "zoë", "{☃}"],
  ["session_key", "key", "PUT/a?b=c{☃}"],
]) {
  test(`a request is signed under ${signing} without a client`, () => {
    const session = { sessionId: "s", userId: "zoë", key: "key" };
    const signature = signRequest(signing, session, { method: "PUT", uri: "/a?b=c", body: "{☃}" });
    assert.deepEqual(signature, { hmac: hmac(key, message), message: bytes(message) });
    const keys = schemeOf(signing).answerKeys({ session_id: "s", user_id: "zoë" }, [], session);
    const answer = signAnswer(signing, session, { body: bytes("{}") });
    const signed = { sessionId: "s", bytes: bytes("{}"), sent: null };
    assert.equal(verifiedKey(schemeOf(signing), keys, answer.hmac, signed), key);
  });
}

test("a request without a body is signed over none", () => {
  const session = { sessionId: "s", userId: "ada", key: "key" };
  const { hmac, message } = signRequest("v2", session, { method: "GET", uri: "/" });
  const lines = new TextDecoder().decode(message).split("\n");
  const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  assert.deepEqual(lines, ["v2", "GET", "/", "s", ...hmac.split(":").slice(1, 3), empty]);
});

test("an unknown scheme is a TypeError", () => {
  assert.equal(schemeOf(null), null);
  for (const name of ["sha256", "toString", true]) assert.throws(() => schemeOf(name), TypeError);
});
