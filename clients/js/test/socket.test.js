import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";

import { FakeWebSocket } from "../fixtures/websocket.js";
import { NetworkError, TimeoutError, Toto, TotoError } from "../src/index.js";
import { socketURL } from "../src/socket.js";

const SESSION = { sessionId: "abc", expires: 1, userId: "ada" };
let toto, socket, states;

beforeEach((t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  t.mock.method(Math, "random", () => 0);
  FakeWebSocket.all = [];
  toto = new Toto("https://example.com/service/");
  toto.session = SESSION;
  connect();
});

function connect(options) {
  socket = toto.socket({ WebSocket: FakeWebSocket, ...options });
  states = [socket.state];
  socket.onState((state) => states.push(state));
}

describe("the address", () => {
  test("follows the service's", () => {
    assert.equal(socketURL("http://a/service", SESSION), "ws://a/service/websocket/abc");
    assert.equal(socketURL("https://a:81/service/", SESSION), "wss://a:81/service/websocket/abc");
    assert.equal(socketURL("https://a/?x=1", { sessionId: "a/ b" }), "wss://a/websocket/a%2F%20b?x=1");
    assert.equal(socketURL("http://a/", null), "ws://a/websocket");
  });

  test("is that of the session, and the protocols go along", () => {
    connect({ protocols: ["toto"] });
    assert.equal(FakeWebSocket.last.url, "wss://example.com/service/websocket/abc");
    assert.deepEqual(FakeWebSocket.last.protocols, ["toto"]);
  });

  test("without a WebSocket there is a TypeError", (t) => {
    const original = Object.getOwnPropertyDescriptor(globalThis, "WebSocket");
    delete globalThis.WebSocket;
    t.after(() => original && Object.defineProperty(globalThis, "WebSocket", original));
    assert.throws(() => toto.socket(), TypeError);
  });
});

describe("calls", () => {
  test("are answered by their ids, in any order", async () => {
    FakeWebSocket.last.open();
    const calls = [socket.call("a.b", { x: 1 }), socket.call("c"), socket.call("d")];
    const [first, second, third] = FakeWebSocket.last.sent;
    assert.deepEqual([first.method, first.parameters, second.parameters], ["a.b", { x: 1 }, {}]);
    FakeWebSocket.last.receive({ id: third.id, result: null });
    FakeWebSocket.last.receive({ id: second.id, error: { code: 1100, value: "Bad", fields: { a: ["b"] } } });
    FakeWebSocket.last.receive({ id: first.id, result: [1] });
    assert.deepEqual(await calls[0], [1]);
    await assert.rejects(
      calls[1],
      (error) => error instanceof TotoError && error.code === 1100 && !!error.fields.a,
    );
    assert.equal(await calls[2], null);
  });

  test("wait for the connection, and go in their order", () => {
    socket.call("a");
    socket.send("b", { x: 1 });
    assert.deepEqual(FakeWebSocket.last.sent, []);
    FakeWebSocket.last.open();
    assert.deepEqual(
      FakeWebSocket.last.sent.map(({ method }) => method),
      ["a", "b"],
    );
    assert.deepEqual(FakeWebSocket.last.sent[1], { method: "b", parameters: { x: 1 } });
  });

  test("wait in a bounded queue", async () => {
    connect({ maxQueue: 2 });
    socket.call("a");
    socket.send("b");
    await assert.rejects(socket.call("c"), NetworkError);
    assert.throws(() => socket.send("d"), NetworkError);
    FakeWebSocket.last.open();
    assert.equal(FakeWebSocket.last.sent.length, 2);
  });

  test("take only so long, sent or not", async (t) => {
    const waiting = assert.rejects(socket.call("a", {}, { timeout: 50 }), TimeoutError);
    t.mock.timers.tick(50);
    await waiting;
    FakeWebSocket.last.open();
    assert.deepEqual(FakeWebSocket.last.sent, []);
    const sent = assert.rejects(socket.call("b"), TimeoutError);
    t.mock.timers.tick(30_000);
    await sent;
  });

  test("can be aborted; a late reply is no message", async () => {
    FakeWebSocket.last.open();
    const messages = [];
    socket.onMessage((data) => messages.push(data));
    const controller = new AbortController();
    const reason = new Error("enough");
    const call = assert.rejects(socket.call("a", {}, { signal: controller.signal }), reason);
    controller.abort(reason);
    await call;
    FakeWebSocket.last.receive({ id: FakeWebSocket.last.sent[0].id, result: 1 });
    assert.deepEqual(messages, []);
  });
});

describe("frames of the service", () => {
  let messages, errors;

  beforeEach(() => {
    [messages, errors] = [[], []];
    socket.onMessage((data, messageId) => messages.push([data, messageId]));
    socket.onError((error) => errors.push(error));
    FakeWebSocket.last.open();
  });

  test("are messages, with an id or bare", () => {
    const bare = [1, null, "text", [1], { a: 1 }, { id: "unknown", result: 1 }, { data: 1 }];
    FakeWebSocket.last.receive({ message_id: "m1", data: { x: 1 } });
    for (const frame of bare) FakeWebSocket.last.receive(frame);
    assert.deepEqual(messages, [[{ x: 1 }, "m1"], ...bare.map((frame) => [frame, undefined])]);
    assert.deepEqual(errors, []);
  });

  test("are errors of what was sent without an id", () => {
    FakeWebSocket.last.receive({ error: { code: 1001, value: "Cannot call 'a'." } });
    assert.deepEqual(
      errors.map(({ code }) => code),
      [1001],
    );
    assert.deepEqual(messages, []);
  });

  test("are NetworkErrors when they are no JSON", () => {
    FakeWebSocket.last.onmessage({ data: "{" });
    assert.ok(errors[0] instanceof NetworkError);
  });

  test("reach no listener that was removed", () => {
    const late = [];
    socket.onMessage((data) => late.push(data))();
    FakeWebSocket.last.receive(1);
    assert.deepEqual(late, []);
  });
});

describe("a lost connection", () => {
  test("rejects what was sent, keeps what waits, and is made again", async (t) => {
    FakeWebSocket.last.open();
    const sent = assert.rejects(socket.call("a"), { name: "NetworkError", message: /lost before the reply/ });
    FakeWebSocket.last.lose();
    await sent;
    const waiting = socket.call("b");
    t.mock.timers.tick(1000);
    FakeWebSocket.last.open();
    FakeWebSocket.last.receive({ id: FakeWebSocket.last.sent[0].id, result: "later" });
    assert.equal(await waiting, "later");
    assert.equal(FakeWebSocket.all.length, 2);
    assert.deepEqual(states, ["connecting", "open", "waiting", "connecting", "open"]);
  });

  test("is told with its code", () => {
    let lost;
    socket.onState((state, details) => (lost = details));
    FakeWebSocket.last.lose(1012, "restart");
    assert.deepEqual(lost, { code: 1012, reason: "restart" });
  });

  test("is tried again after growing pauses, until one lasts", (t) => {
    connect({ backoff: { initial: 100, max: 300 } });
    const pauses = [100, 200, 300, 300];
    for (const pause of pauses) {
      FakeWebSocket.last.open();
      FakeWebSocket.last.lose();
      const { length } = FakeWebSocket.all;
      t.mock.timers.tick(pause - 1);
      assert.equal(FakeWebSocket.all.length, length);
      t.mock.timers.tick(1);
      assert.equal(FakeWebSocket.all.length, length + 1);
    }
    FakeWebSocket.last.open();
    t.mock.timers.tick(6000);
    FakeWebSocket.last.lose();
    const { length } = FakeWebSocket.all;
    t.mock.timers.tick(100);
    assert.equal(FakeWebSocket.all.length, length + 1);
  });

  test("uses the session of that moment", (t) => {
    FakeWebSocket.last.lose();
    toto.session = { ...SESSION, sessionId: "moved" };
    t.mock.timers.tick(1000);
    assert.match(FakeWebSocket.last.url, /\/moved$/);
  });
});

describe("close", () => {
  test("ends everything for good", async (t) => {
    FakeWebSocket.last.open();
    const sent = assert.rejects(socket.call("a"), { name: "NetworkError", message: /was closed/ });
    socket.close();
    socket.close();
    await sent;
    assert.ok(FakeWebSocket.last.isClosed);
    assert.deepEqual(states, ["connecting", "open", "closed"]);
    await assert.rejects(socket.call("b"), { name: "NetworkError", message: /is closed/ });
    assert.throws(() => socket.send("c"), NetworkError);
    socket.reconnect();
    toto.session = null;
    t.mock.timers.tick(60_000);
    assert.equal(FakeWebSocket.all.length, 1);
  });

  test("rejects what waits, and stops trying", async (t) => {
    FakeWebSocket.last.lose();
    const waiting = assert.rejects(socket.call("a"), NetworkError);
    socket.close();
    await waiting;
    t.mock.timers.tick(60_000);
    assert.equal(FakeWebSocket.all.length, 1);
  });
});

describe("the session", () => {
  test("of somebody else makes a new connection, and gives up what waits", async () => {
    const first = FakeWebSocket.last;
    const waiting = assert.rejects(socket.call("a"), NetworkError);
    toto.session = { ...SESSION, sessionId: "def", userId: "bob" };
    await waiting;
    assert.ok(first.isClosed);
    assert.match(FakeWebSocket.last.url, /\/def$/);
    FakeWebSocket.last.open();
    assert.deepEqual(FakeWebSocket.last.sent, []);
    toto.session = null;
    assert.match(FakeWebSocket.last.url, /\/websocket$/);
  });

  test("that is renewed leaves the connection alone", () => {
    FakeWebSocket.last.open();
    toto.session = { ...SESSION, expires: 2 };
    assert.equal(FakeWebSocket.all.length, 1);
    assert.equal(socket.state, "open");
  });
});
