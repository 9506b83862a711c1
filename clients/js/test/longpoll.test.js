import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import { Service } from "../fixtures/service.js";
import { backoffDelay } from "../src/backoff.js";
import { NetworkError, Toto, TotoError } from "../src/index.js";
import { longPoll } from "../src/longpoll.js";

const error = (code, details) => new TotoError(code, "", details);

/** A call that gives or throws these one after another, then never answers. */
function script(...answers) {
  const calls = [];
  const call = (parameters, { signal, timeout }) => {
    calls.push({ parameters, signal, timeout });
    const answer = answers.shift();
    if (answer instanceof Error) return Promise.reject(answer);
    if (answer !== undefined) return Promise.resolve(answer);
    return new Promise((resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  };
  return { call, calls };
}

async function taken(messages, count) {
  const seen = [];
  for await (const message of messages) if (seen.push(message) === count) break;
  return seen;
}

describe("the loop", () => {
  test("gives one answer after another, without those that are empty", async () => {
    const { call, calls } = script(1, null, { a: 2 }, 0, "");
    assert.deepEqual(await taken(longPoll(call, { x: 1 }), 4), [1, { a: 2 }, 0, ""]);
    assert.deepEqual(
      calls.map(({ parameters }) => parameters),
      Array(6).fill({ x: 1 }),
    );
  });

  test("asks nothing before it is iterated", async () => {
    const { call, calls } = script();
    longPoll(call);
    await turn();
    assert.equal(calls.length, 0);
  });

  test("asks again before the consumer is done with an answer", async () => {
    const { call, calls } = script(1);
    const messages = longPoll(call);
    await messages.next();
    assert.equal(calls.length, 2);
    await messages.return();
  });

  test("makes parameters of the message before", async () => {
    const { call, calls } = script({ id: 1 }, null, { id: 2 });
    await taken(
      longPoll(call, (last) => ({ after: last?.id ?? 0 })),
      2,
    );
    assert.deepEqual(
      calls.map(({ parameters }) => parameters.after),
      [0, 1, 1, 2],
    );
  });

  test("gives up its call when it is left", async () => {
    const { call, calls } = script(1);
    await taken(longPoll(call), 1);
    assert.ok(calls[1].signal.aborted);
  });

  test("ends when the signal is aborted, without an error", async () => {
    const controller = new AbortController();
    const { call, calls } = script(1);
    const messages = longPoll(call, {}, { signal: controller.signal });
    assert.deepEqual(await messages.next(), { value: 1, done: false });
    const next = messages.next();
    controller.abort();
    assert.deepEqual(await next, { value: undefined, done: true });
    assert.ok(calls[1].signal.aborted);
  });

  test("gives nothing after the abortion, and asks nothing when it came first", async () => {
    const controller = new AbortController();
    const { call, calls } = script(1, 2, 3);
    const messages = longPoll(call, {}, { signal: controller.signal });
    await messages.next();
    controller.abort();
    assert.ok((await messages.next()).done);
    const { length } = calls;
    assert.deepEqual(await taken(longPoll(call, {}, { signal: controller.signal }), 1), []);
    assert.equal(calls.length, length);
  });

  test("waits for each call as long as it takes, or as told", async () => {
    for (const [options, timeout] of [
      [{}, 0],
      [{ timeout: 50 }, 50],
    ]) {
      const { call, calls } = script(1);
      await taken(longPoll(call, {}, options), 1);
      assert.equal(calls[0].timeout, timeout);
    }
  });
});

describe("after failures the loop", () => {
  beforeEach((t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    t.mock.method(Math, "random", () => 0);
  });

  test("waits twice as long each time, up to the limit, and anew after a success", async (t) => {
    const failed = new NetworkError("down");
    const { call, calls } = script(failed, failed, error(1104), error(1000), 1, failed, 2);
    const delays = [];
    const onError = (error, delay) => delays.push([error.code, delay]);
    const seen = taken(longPoll(call, {}, { backoff: { initial: 100, max: 300 }, onError }), 2);
    for (const [delay, count] of [
      [100, 1],
      [200, 2],
      [300, 3],
      [300, 4],
      [100, 6],
    ]) {
      await turn();
      assert.equal(calls.length, count);
      t.mock.timers.tick(delay - 1);
      await turn();
      assert.equal(calls.length, count);
      t.mock.timers.tick(1);
    }
    assert.deepEqual(await seen, [1, 2]);
    assert.deepEqual(delays, [
      ["network", 100],
      ["network", 200],
      [1104, 300],
      [1000, 300],
      ["network", 100],
    ]);
  });

  test("waits as long as the service wants", async () => {
    const { call } = script(error(1101, { retry_after: 7 }));
    const controller = new AbortController();
    const delay = new Promise((resolve) => {
      const onError = (error, delay) => resolve(delay);
      longPoll(call, {}, { onError, signal: controller.signal }).next();
    });
    assert.equal(await delay, 7000);
    controller.abort();
  });

  test("can be aborted while it waits", async () => {
    const controller = new AbortController();
    const { call, calls } = script(new NetworkError("down"));
    const next = longPoll(call, {}, { signal: controller.signal }).next();
    await turn();
    controller.abort();
    assert.ok((await next).done);
    assert.equal(calls.length, 1);
  });

  test("can be aborted by what is told of the failure", async () => {
    const controller = new AbortController();
    const { call } = script(new NetworkError("down"));
    const onError = () => controller.abort();
    assert.ok((await longPoll(call, {}, { signal: controller.signal, onError }).next()).done);
  });

  test("throws those that would come again", async () => {
    for (const failure of [error(1004), error(1001), error(1009), error(2001), new TypeError("cyclic")]) {
      await assert.rejects(longPoll(script(failure).call).next(), failure);
    }
  });
});

test("pauses are shortened by chance, by a half at most", () => {
  for (let failures = 0; failures < 2000; failures++) {
    const full = Math.min(30_000, 1000 * 2 ** failures);
    const delay = backoffDelay(failures);
    assert.ok(delay > full / 2 && delay <= full, `${failures}: ${delay}`);
  }
});

describe("a client", () => {
  let service, toto;

  beforeEach(async () => {
    service = await new Service().start();
    toto = new Toto(service.url);
    let count = 0;
    service.methods.next = ({ after }) => (++count % 3 === 0 ? undefined : { id: after + 1 });
  });
  afterEach(() => service.close());

  test("polls until it is stopped", async () => {
    const controller = new AbortController();
    const seen = [];
    await toto.poll("next", (last) => ({ after: last?.id ?? 0 }), {
      signal: controller.signal,
      onMessage: ({ id }) => {
        seen.push(id);
        if (id === 5) controller.abort();
      },
    });
    assert.deepEqual(seen, [1, 2, 3, 4, 5]);
  });

  test("comes back after failures", async () => {
    service.canned.push(
      { status: 502, body: "<h1>Bad gateway</h1>" },
      { body: '{"error": {"code": 1104, "value": ""}}' },
    );
    const messages = toto.messages("next", { after: 1 }, { backoff: { initial: 1 } });
    assert.deepEqual(await taken(messages, 1), [{ id: 2 }]);
  });

  test("stops polling when it is logged out", async () => {
    await toto.create("ada", "one");
    service.methods.inbox = (parameters, context) => service.methods.whoami(parameters, context);
    const messages = toto.messages("inbox");
    await messages.next();
    service.sessions.clear();
    await assert.rejects(taken(messages, Infinity), { code: 1004 });
    assert.equal(toto.session, null);
  });

  test("passes on what onMessage throws", async () => {
    const failure = new Error("from onMessage");
    const onMessage = async () => {
      throw failure;
    };
    await assert.rejects(toto.poll("next", { after: 0 }, { onMessage }), failure);
  });
});
