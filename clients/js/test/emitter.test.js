import assert from "node:assert/strict";
import { test } from "node:test";

import { Emitter } from "../src/emitter.js";

test("listeners are told what is emitted under their names, until they are removed", () => {
  const emitter = new Emitter();
  const seen = [];
  const off = emitter.on("a", (...values) => seen.push(values));
  emitter.emit("a", 1, 2);
  emitter.emit("b", 3);
  off();
  off();
  emitter.emit("a", 4);
  assert.deepEqual(seen, [[1, 2]]);
});

test("a listener that throws is reported, and stops nothing", (t) => {
  const { mock } = t.mock.method(globalThis, "queueMicrotask", () => {});
  const emitter = new Emitter();
  const failure = new Error("from a listener");
  const seen = [];
  emitter.on("a", () => {
    throw failure;
  });
  emitter.on("a", (value) => seen.push(value));
  emitter.emit("a", 1);
  assert.deepEqual(seen, [1]);
  assert.throws(mock.calls[0].arguments[0], failure);
});
