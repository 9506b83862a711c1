import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { mock, test } from "node:test";

import { schemeOf } from "../src/signing.js";

const vectors = JSON.parse(
  await readFile(new URL("../../../tests/vectors/signing_v2.json", import.meta.url), "utf8"),
);
const v2 = schemeOf("v2");
const bodyOf = ({ body, body_base64 }) => body ?? new Uint8Array(Buffer.from(body_base64, "base64"));

for (const vector of vectors.requests) {
  test(`a request is signed as the vectors say: ${vector.name}`, () => {
    mock.timers.enable({ apis: ["Date"], now: vector.time * 1000 + 999 });
    const { key } = vectors.sessions[vector.session];
    const { session_id: sessionId, method, uri, nonce } = vector;
    const request = { sessionId, method, uri, nonce, body: bodyOf(vector) };
    const { hmac, message } = v2.signRequest(key, request);
    mock.timers.reset();
    assert.equal(hmac, vector.header);
    assert.equal(new TextDecoder().decode(message), vector.message);
  });
}

for (const vector of vectors.answers) {
  test(`an answer is signed as the vectors say: ${vector.name}`, () => {
    const { key } = vectors.sessions[vector.session];
    const bytes = new Uint8Array(Buffer.from(bodyOf(vector)));
    const answer = { sessionId: vector.session_id, bytes, sent: vector.request };
    const { hmac, message } = v2.signAnswer(key, answer);
    assert.equal(hmac, vector.header);
    assert.equal(new TextDecoder().decode(message), vector.message);
  });
}

test("every request has a nonce of its own", () => {
  const sign = () => v2.signRequest("key", { sessionId: "s", method: "POST", uri: "/", body: "" }).hmac;
  const nonces = new Set(Array.from({ length: 1000 }, () => sign().split(":")[2]));
  assert.equal(nonces.size, 1000);
});

test("the service's clock is followed", () => {
  const request = { sessionId: "s", method: "POST", uri: "/", body: "", clockOffset: 3_600_000 };
  const seconds = Number(v2.signRequest("key", request).hmac.split(":")[1]);
  assert.ok(Math.abs(seconds - Date.now() / 1000 - 3600) < 5);
});
