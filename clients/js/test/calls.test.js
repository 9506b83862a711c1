import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import { Service } from "../fixtures/service.js";
import { NetworkError, TimeoutError, Toto, TotoError } from "../src/index.js";

const JSON_TYPE = { "content-type": "application/json" };
const UNICODE = { text: "Zoë ☃ 🦊 日本語", lone: "\ud800", ключ: null };

let service, toto;

beforeEach(async () => {
  service = await new Service().start();
  toto = new Toto(service.url);
});
afterEach(() => service.close());

describe("calls", () => {
  test("a result is given as it is", async () => {
    for (const value of [0, false, "", [], {}, UNICODE])
      assert.deepEqual(await toto.call("echo", value), value);
  });

  test("no parameters are an empty object", async () => {
    assert.deepEqual(await toto.call("echo"), {});
    assert.deepEqual(await toto.call("echo", null), {});
    assert.deepEqual(await toto.batch({ a: ["echo"] }), { a: {} });
  });

  test("an empty answer, and one without result, are null", async () => {
    assert.equal(await toto.call("nothing"), null);
    service.canned.push({ body: "{}" });
    assert.equal(await toto.call("echo"), null);
  });

  test("an error of a method is thrown", async () => {
    service.methods.fail = () => {
      throw { code: 1100, value: "Invalid", fields: { name: ["Too long."] } };
    };
    const error = await toto.call("fail").catch((error) => error);
    assert.ok(error instanceof TotoError);
    assert.deepEqual([error.code, error.value, error.fields], [1100, "Invalid", { name: ["Too long."] }]);
    await assert.rejects(toto.call("a.b"), { code: 1001, message: "Cannot call 'a.b'." });
  });

  for (const status of [400, 405, 413, 415]) {
    test(`a JSON error with status ${status} is thrown as such`, async () => {
      service.canned.push({
        status,
        headers: JSON_TYPE,
        body: '{"error": {"code": 1103, "value": "Too large"}}',
      });
      await assert.rejects(toto.call("echo"), { name: "TotoError", code: 1103 });
    });
  }

  for (const [what, answer] of Object.entries({
    "a page": { body: "<p>Hello</p>" },
    "a failure of a proxy": { status: 502, body: "<h1>Bad gateway</h1>" },
    "an empty failure": { status: 503 },
    "JSON without an error": { status: 500, headers: JSON_TYPE, body: '{"detail": "?"}' },
    "JSON that is no object": { headers: JSON_TYPE, body: "[1]" },
    "no UTF-8": { headers: JSON_TYPE, body: Buffer.from([0xff, 0xfe]) },
  })) {
    test(`${what} is a NetworkError`, async () => {
      service.canned.push(answer);
      const error = await toto.call("echo").catch((error) => error);
      assert.ok(error instanceof NetworkError);
      assert.equal(error.status, answer.status ?? 200);
    });
  }

  test("no connection is a NetworkError with its cause", async () => {
    const nowhere = new Toto("http://127.0.0.1:1/");
    const error = await nowhere.call("echo").catch((error) => error);
    assert.ok(error instanceof NetworkError);
    assert.ok(error.cause instanceof TypeError);
  });

  test("a call that takes too long is a TimeoutError", async () => {
    service.methods.sleep = () => new Promise(() => {});
    await assert.rejects(toto.call("sleep", {}, { timeout: 20 }), TimeoutError);
    toto.timeout = 20;
    await assert.rejects(toto.batch({ a: ["sleep"] }), TimeoutError);
  });

  test("a call is aborted by its signal, with the signal's reason", async () => {
    service.methods.sleep = () => new Promise(() => {});
    const reason = new Error("enough");
    const controller = new AbortController();
    const call = toto.call("sleep", {}, { signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(call, reason);
    const requests = service.requests.length;
    await assert.rejects(toto.call("echo", {}, { signal: controller.signal }), reason);
    assert.equal(service.requests.length, requests);
  });

  test("headers and fetch are the given ones", async () => {
    const urls = [];
    const spy = (url, init) => {
      urls.push(url);
      return fetch(url, init);
    };
    const other = new Toto(service.url, {
      fetch: spy,
      headers: { "x-trace": "1", "content-type": "text/plain" },
    });
    await other.call("echo");
    assert.deepEqual(urls, [service.url]);
    const { headers } = service.requests[0];
    assert.deepEqual([headers["x-trace"], headers["content-type"]], ["1", "application/json"]);
  });
});

describe("batches", () => {
  test("a failed member is a TotoError among the results", async () => {
    const answers = await toto.batch({
      a: ["echo", { n: 1 }],
      b: ["missing"],
      c: ["nothing"],
      d: ["whoami"],
    });
    assert.deepEqual(Object.keys(answers), ["a", "b", "c", "d"]);
    assert.deepEqual(answers.a, { n: 1 });
    assert.ok(answers.b instanceof TotoError);
    assert.equal(answers.b.code, 1001);
    assert.equal(answers.c, null);
    assert.equal(answers.d.code, 1004);
  });

  test("a Map is answered by a Map", async () => {
    const answers = await toto.batch(
      new Map([
        ["b", ["echo", 1]],
        ["a", ["echo", 2]],
        ["__proto__", ["echo", 3]],
      ]),
    );
    assert.deepEqual(
      [...answers],
      [
        ["b", 1],
        ["a", 2],
        ["__proto__", 3],
      ],
    );
  });

  test("an empty batch is answered by an empty one", async () => {
    assert.deepEqual(await toto.batch({}), {});
  });

  test("an error of the whole is thrown", async () => {
    service.canned.push({ body: '{"error": {"code": 1104, "value": "Later"}}' });
    await assert.rejects(toto.batch({ a: ["echo"] }), { code: 1104 });
  });

  test("an answer to something else is a NetworkError, of the whole or of the member", async () => {
    service.canned.push({ body: '{"result": 1}' }, { body: '{"batch": {"b": {"result": 1}}}' });
    await assert.rejects(toto.batch({ a: ["echo"] }), NetworkError);
    const { a } = await toto.batch({ a: ["echo"] });
    assert.ok(a instanceof NetworkError);
  });
});
