import assert from "node:assert/strict";
import { test } from "node:test";

import { isTransient, NetworkError, TimeoutError, TotoError } from "../src/errors.js";

test("an error carries what the service sent", () => {
  const error = TotoError.from({ code: 1100, value: "Bad", fields: { a: ["too long"] }, extra: 1 });
  assert.equal(`${error}`, "TotoError: Bad");
  assert.equal(error.code, 1100);
  assert.equal(error.value, "Bad");
  assert.deepEqual(error.fields, { a: ["too long"] });
  assert.deepEqual(error.details, { fields: { a: ["too long"] }, extra: 1 });
  assert.ok(!("retryAfter" in error));
  assert.equal(TotoError.from({ code: 1101, value: "Slow down", retry_after: 2.5 }).retryAfter, 2.5);
});

test("a value that is no text is shown as JSON", () => {
  assert.equal(TotoError.from({ code: "odd", value: { a: 1 } }).message, '{"a":1}');
  assert.equal(TotoError.from({ code: 7 }).message, "Error 7");
  const plain = TotoError.from("as it is");
  assert.deepEqual([plain.code, plain.value], [1000, "as it is"]);
});

test("failures of the transport are TotoErrors with codes of their own", () => {
  const cause = new Error("refused");
  const network = new NetworkError("The service cannot be reached.", { status: 502, cause });
  assert.ok(network instanceof TotoError);
  assert.deepEqual(
    [network.name, network.code, network.status, network.cause],
    ["NetworkError", "network", 502, cause],
  );
  const timeout = new TimeoutError(10);
  assert.ok(timeout instanceof TotoError);
  assert.deepEqual(
    [timeout.name, timeout.code, timeout.message],
    ["TimeoutError", "timeout", "There was no answer within 10 ms."],
  );
});

test("what may pass is transient", () => {
  for (const code of [1000, 1101, 1102, 1104]) assert.ok(isTransient(new TotoError(code, "")), `${code}`);
  for (const code of [1001, 1004, 1008, 1009, 1100, 2001])
    assert.ok(!isTransient(new TotoError(code, "")), `${code}`);
  assert.ok(isTransient(new NetworkError("")));
  assert.ok(isTransient(new TimeoutError(1)));
  assert.ok(!isTransient(new TypeError()));
});
