import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Service } from "../fixtures/service.js";
import { MemoryStorage } from "../fixtures/storage.js";
import { NetworkError, Toto } from "../src/index.js";

let service, toto;

const events = () => {
  const seen = [];
  toto.on("session", (session) => seen.push(["session", session.userId]));
  toto.on("logout", (session) => seen.push(["logout", session.userId]));
  return seen;
};

beforeEach(async () => {
  service = await new Service().start();
  toto = new Toto(service.url);
});
afterEach(() => service.close());

test("a session is kept in the storage and found there", async () => {
  const storage = new MemoryStorage();
  const options = { storage, storageKey: "session" };
  await new Toto(service.url, options).create("ada", "one");
  const other = new Toto(service.url, options);
  assert.equal(other.session.userId, "ada");
  assert.equal(await other.call("whoami"), "ada");
  await other.logout();
  assert.equal(storage.items.size, 0);
});

test("the storage's key is made of the URL", async () => {
  const storage = new MemoryStorage();
  await new Toto(service.url, { storage }).create("ada", "one");
  assert.deepEqual([...storage.items.keys()], [`toto:${service.url}`]);
});

test("what the storage holds besides sessions is no session", () => {
  for (const text of ["", "null", "no JSON", "[]", '"text"', "{}"]) {
    const storage = new MemoryStorage();
    storage.setItem("session", text);
    assert.equal(new Toto(service.url, { storage, storageKey: "session" }).session, null, text);
  }
});

test("under v2 a session of an older scheme in the storage is none", () => {
  const isThere = (sessionId) => {
    const storage = new MemoryStorage();
    storage.setItem("session", JSON.stringify({ sessionId, expires: 2e9, userId: "ada", key: "k" }));
    return new Toto(service.url, { storage, storageKey: "session", signing: "v2" }).session !== null;
  };
  assert.deepEqual(["old", "old.v2x", "new.v2"].map(isThere), [false, false, true]);
});

test("error 1004 logs out", async () => {
  await toto.create("ada", "one");
  const seen = events();
  service.sessions.clear();
  await assert.rejects(toto.call("whoami"), { code: 1004 });
  assert.equal(toto.session, null);
  assert.deepEqual(seen, [["logout", "ada"]]);
});

test("error 1007 logs out, in a batch too", async () => {
  await toto.create("ada", "one");
  service.canned.push({
    body: '{"batch": {"a": {"error": {"code": 1007, "value": "Invalid session ID"}}}}',
  });
  await toto.batch({ a: ["whoami"] });
  assert.equal(toto.session, null);
});

test("error 1004 with the session beside it does not log out", async () => {
  await toto.call("visit");
  service.methods.visitor = (parameters, context) => {
    service.methods.visit(parameters, context);
    return 1;
  };
  await toto.call("visitor");
  const session = toto.session;
  await assert.rejects(toto.call("whoami"), { code: 1004 });
  assert.deepEqual(toto.session, session);
});

test("other errors do not log out", async () => {
  await toto.create("ada", "one");
  for (const code of [1000, 1005, 1008, 1104]) {
    service.canned.push({ body: JSON.stringify({ error: { code, value: "" } }) });
    await assert.rejects(toto.call("whoami"), { code });
  }
  assert.equal(toto.session.userId, "ada");
});

test("a wrong password leaves the session as it is", async () => {
  await toto.create("ada", "one");
  await assert.rejects(toto.login("ada", "wrong"), { code: 1005 });
  assert.equal(await toto.call("whoami"), "ada");
});

test("an answer does not bring back a session that has been replaced meanwhile", async () => {
  await toto.create("ada", "one");
  let answer;
  service.methods.slow = async (parameters, context) => {
    const userId = service.methods.whoami(parameters, context);
    await new Promise((resolve) => (answer = resolve));
    return userId;
  };
  for (const change of [() => toto.create("bob", "two"), () => toto.logout()]) {
    const slow = toto.call("slow");
    await change();
    answer();
    const before = toto.session;
    assert.equal(await slow, before ? "ada" : "bob");
    assert.deepEqual(toto.session, before);
  }
});

test("a late error 1004 does not end a newer session", async () => {
  await toto.create("ada", "one");
  let answer;
  service.methods.slow = async () => {
    await new Promise((resolve) => (answer = resolve));
    throw { code: 1004, value: "Not authorized" };
  };
  const slow = assert.rejects(toto.call("slow"), { code: 1004 });
  await toto.create("bob", "two");
  answer();
  await slow;
  assert.equal(toto.session.userId, "bob");
});

test("a session whose id changes is followed", async () => {
  const { sessionId } = await toto.create("ada", "one");
  const session = service.sessions.get(sessionId);
  service.methods.move = (parameters, context) => {
    service.methods.whoami(parameters, context);
    session.sessionId = "moved";
    service.sessions.set("moved", session);
    return true;
  };
  await toto.call("move");
  assert.equal(toto.session.sessionId, "moved");
  assert.equal(await toto.call("whoami"), "ada");
});

test("a renewed session is told, an unchanged one is not", async () => {
  const { sessionId } = await toto.create("ada", "one");
  const seen = events();
  await toto.call("whoami");
  service.sessions.get(sessionId).expires += 60;
  await toto.call("whoami");
  assert.deepEqual(seen, [["session", "ada"]]);
});

test("a session from elsewhere can be set, and taken away", async () => {
  const session = await new Toto(service.url).create("ada", "one");
  const seen = events();
  toto.session = session;
  assert.equal(await toto.call("whoami"), "ada");
  toto.session = undefined;
  assert.equal(toto.session, null);
  assert.deepEqual(seen, [
    ["session", "ada"],
    ["logout", "ada"],
  ]);
});

test("logout without a session asks nothing, and forgets one that is unknown to the service", async () => {
  await toto.logout();
  assert.equal(service.requests.length, 0);
  await toto.create("ada", "one");
  service.sessions.clear();
  await toto.logout();
  assert.equal(toto.session, null);
});

test("a logout that does not reach the service keeps the session", async () => {
  await toto.create("ada", "one");
  service.canned.push({ status: 502 });
  await assert.rejects(toto.logout(), NetworkError);
  assert.equal(toto.session.userId, "ada");
});

test("a listener is removed by what `on` returned", async () => {
  let count = 0;
  const off = toto.on("session", () => count++);
  await toto.create("ada", "one");
  off();
  await toto.login("ada", "one");
  assert.equal(count, 1);
});
