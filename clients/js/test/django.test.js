import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { missing, startExample, startTestService } from "../fixtures/django.js";
import { MemoryStorage } from "../fixtures/storage.js";
import { Toto, TotoError } from "../src/index.js";

const PASSWORD = "a long walk on the beach";
const NEW_PASSWORD = "an even longer walk ☃";

describe("with the example project", { skip: missing }, () => {
  let example, url, toto;
  const answers = [];
  /** Remembers the headers of answers. */
  const spy = async (url, init) => {
    const response = await fetch(url, init);
    answers.push(response.headers);
    return response;
  };

  before(async () => {
    example = await startExample();
    url = `${example.address}service/`;
    toto = new Toto(url, { fetch: spy, storage: new MemoryStorage() });
  });
  after(() => example?.stop());

  test("a public method is called without a session", async () => {
    assert.equal(await toto.call("math.add", { a: 1, b: 2.5 }), 3.5);
    assert.equal(await toto.call("hello", { name: "Zoë ☃ 🦊" }), "Hello, Zoë ☃ 🦊!");
    assert.equal(toto.session, null);
  });

  test("errors are those of the service", async () => {
    await assert.rejects(toto.call("no.such"), { code: 1001, message: "Cannot call 'no.such'." });
    await assert.rejects(toto.call("math.add", { a: 1 }), { code: 1003 });
    await assert.rejects(toto.call("math.add", { a: 1, b: "2" }), { code: 2101 });
    await assert.rejects(toto.call("notes.list"), { code: 1004 });
    await assert.rejects(toto.call("hello", { name: "x".repeat(11_000_000) }), {
      name: "TotoError",
      code: 1103,
    });
  });

  test("an anonymous session is signed for and survives error 1004", async () => {
    assert.equal(await toto.call("counter.increment"), 1);
    assert.equal(toto.session.userId, "");
    await assert.rejects(toto.call("notes.list"), { code: 1004 });
    assert.equal(await toto.call("counter.increment"), 2);
    toto.session = null;
  });

  test("a password is refused", async () => {
    const error = await toto.create("zoë", "short").catch((error) => error);
    assert.equal(error.code, 1100);
    assert.ok(error.fields.password.length > 0);
    await assert.rejects(toto.login("zoë", PASSWORD), { code: 1005 });
  });

  test("an account is made, and its calls are signed over unicode", async () => {
    const session = await toto.create("Zoë", PASSWORD, { display_name: "Zoë ☃" });
    assert.equal(session.userId, "zoë");
    assert.ok(session.expires > Date.now() / 1000);
    const note = await toto.call("notes.add", { text: "日本語 \u2028 🦊" });
    assert.equal(note.text, "日本語 \u2028 🦊");
    assert.deepEqual(
      (await toto.call("notes.list")).map(({ text }) => text),
      [note.text],
    );
    assert.ok(answers.at(-1).get("x-toto-hmac"));
    assert.deepEqual(await toto.call("notes.profile"), { user_id: "zoë", display_name: "Zoë ☃" });
  });

  test("the members of a batch fail on their own", async () => {
    const results = await toto.batch({
      sum: ["math.add", { a: 1, b: 2 }],
      wrong: ["notes.edit", { id: 0, text: "?" }],
      missing: ["no.such"],
      notes: ["notes.list"],
    });
    assert.equal(results.sum, 3);
    assert.equal(results.wrong.code, 2001);
    assert.ok(results.missing instanceof TotoError);
    assert.equal(results.notes.length, 1);
    await assert.rejects(toto.batch(new Map(Array.from({ length: 101 }, (_, id) => [`${id}`, ["hello"]]))), {
      code: 1103,
    });
  });

  test("an answer that was changed on its way is noticed", async () => {
    const tampered = async (url, init) => {
      const response = await fetch(url, init);
      const body = (await response.text()).replace("result", "Result");
      return new Response(body, { headers: response.headers });
    };
    const victim = new Toto(url, { fetch: tampered });
    victim.session = toto.session;
    await assert.rejects(victim.call("notes.list"), { code: 1009 });
  });

  test("a request of somebody who does not sign is refused, and does not log out", async () => {
    const unsigned = new Toto(url, { signing: null });
    unsigned.session = toto.session;
    await assert.rejects(unsigned.call("notes.list"), { code: 1008 });
    assert.deepEqual(unsigned.session, toto.session);
  });

  test("a new password ends other sessions", async () => {
    const other = new Toto(url);
    await other.login("zoë", PASSWORD);
    assert.deepEqual((await toto.update(PASSWORD, { new_password: NEW_PASSWORD })).at(-1), "password");
    assert.equal((await toto.call("notes.profile")).user_id, "zoë");
    const ended = new Promise((resolve) => other.on("logout", resolve));
    await assert.rejects(other.call("notes.profile"), { code: 1004 });
    assert.equal((await ended).userId, "zoë");
    assert.equal(other.session, null);
  });

  test("a wrong password logs nobody in", async () => {
    const { sessionId } = toto.session;
    await assert.rejects(toto.login("zoë", "wrong"), { code: 1005 });
    assert.equal(toto.session.sessionId, sessionId);
  });

  test("messages come from a long-poll", async () => {
    const seen = [];
    for await (const message of toto.messages("alarm", { seconds: 0.05 }))
      if (seen.push(message) === 3) break;
    assert.deepEqual(seen, Array(3).fill("0.05 s are over."));
  });

  const noSocket = !globalThis.WebSocket && "Node 20 has a WebSocket only with --experimental-websocket";

  test("a web socket calls in the session, and follows it", { skip: noSocket }, async () => {
    const socket = toto.socket();
    const [sum, profile, late] = await Promise.all([
      socket.call("math.add", { a: 1, b: 2 }),
      socket.call("notes.profile"),
      socket.call("alarm", { seconds: 0.05 }),
    ]);
    assert.deepEqual([sum, profile.user_id, late], [3, "zoë", "0.05 s are over."]);
    await assert.rejects(socket.call("math.add", { a: 1 }), { name: "TotoError", code: 1003 });
    const failed = new Promise((resolve) => socket.onError(resolve));
    socket.send("no.such");
    assert.equal((await failed).code, 1001);
    const session = toto.session;
    toto.session = null;
    await assert.rejects(socket.call("notes.profile"), { code: 1004 });
    toto.session = session;
    assert.equal((await socket.call("notes.profile")).user_id, "zoë");
    socket.close();
  });

  test("logout ends the session for everybody who has it", async () => {
    const copy = new Toto(url);
    copy.session = toto.session;
    await toto.logout();
    assert.equal(toto.session, null);
    await copy.logout();
    assert.equal(copy.session, null);
    await assert.rejects(toto.call("notes.list"), { code: 1004 });
  });
});

for (const [signing, keySize] of [
  ["session_key", 22],
  ["v2", 43],
]) {
  describe(`with keys of sessions, under ${signing}`, { skip: missing }, () => {
    let service, toto;

    before(async () => {
      service = await startTestService({ HMAC: signing });
      toto = new Toto(`${service.address}?q=ä b`, { signing });
    });
    after(() => service?.stop());

    test("an anonymous session is given its key once, and goes on with it", async () => {
      await toto.call("auth.anon");
      const { sessionId, key } = toto.session;
      assert.equal(key.length, keySize);
      await toto.call("auth.anon", { text: "☃" });
      assert.deepEqual([toto.session.sessionId, toto.session.key], [sessionId, key]);
    });

    test("an account's calls and answers are signed with its key", async () => {
      await toto.create("zoë", "one");
      const answer = await toto.call("auth.required", { text: "Zoë ☃ 🦊" });
      assert.deepEqual(answer, { user_id: "zoë", parameters: { text: "Zoë ☃ 🦊" } });
      await toto.update("one", { new_password: "two" });
      assert.equal((await toto.call("auth.required")).user_id, "zoë");
      await toto.logout();
      const { login, whose } = await toto.batch({
        login: ["account.login", { user_id: "zoë", password: "two" }],
        whose: ["auth.required"],
      });
      assert.equal(toto.session.key, login.key);
      assert.equal(whose.user_id, "zoë");
      assert.equal((await toto.call("auth.required")).user_id, "zoë");
    });

    test("another key is refused", async () => {
      const other = new Toto(toto.url, { signing });
      other.session = { ...toto.session, key: "wrong" };
      await assert.rejects(other.call("auth.required"), { code: 1008 });
    });
  });
}

describe("under v2", { skip: missing }, () => {
  let service, toto;
  const requests = [];
  /** Remembers the requests. */
  const spy = (url, init) => {
    requests.push([url, init]);
    return fetch(url, init);
  };

  before(async () => {
    service = await startTestService({ HMAC: "v2" });
    toto = new Toto(service.address, { signing: "v2", fetch: spy });
    await toto.create("zoë", "one");
  });
  after(() => service?.stop());

  test("a request that is sent again is refused", async () => {
    await toto.call("auth.required");
    const [url, { method, headers, body }] = requests.at(-1);
    const answer = await (await fetch(url, { method, headers, body })).json();
    assert.equal(answer.error.code, 1008);
  });

  test("a clock that is an hour off is set right, and the call is made again", async () => {
    const now = Date.now;
    Date.now = () => now() - 3_600_000;
    try {
      const before = requests.length;
      assert.equal((await toto.call("auth.required")).user_id, "zoë");
      assert.equal(requests.length, before + 2);
      assert.equal((await toto.call("auth.required")).user_id, "zoë");
      assert.equal(requests.length, before + 3);
    } finally {
      Date.now = now;
    }
    assert.equal((await toto.call("auth.required")).user_id, "zoë");
  });

  const noSocket = !globalThis.WebSocket && "Node 20 has a WebSocket only with --experimental-websocket";

  test("the opening of a web socket is signed", { skip: noSocket }, async () => {
    const socket = toto.socket();
    assert.equal((await socket.call("auth.required")).user_id, "zoë");
    socket.reconnect();
    assert.equal((await socket.call("auth.required")).user_id, "zoë");
    socket.close();
    const unsigned = new Toto(toto.url, { signing: null });
    unsigned.session = toto.session;
    const other = unsigned.socket();
    await assert.rejects(other.call("auth.required"), { code: 1008 });
    other.close();
  });
});
