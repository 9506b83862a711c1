import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import { Service } from "../fixtures/service.js";
import { Toto } from "../src/index.js";

const UNICODE = { text: "Zoë ☃ 🦊 日本語" };

let service, toto;

const started = async (signing, options) => {
  service = await new Service(signing).start();
  toto = new Toto(service.url, { signing, ...options });
};
const events = () => {
  const seen = [];
  toto.on("session", (session) => seen.push(["session", session.userId]));
  toto.on("logout", (session) => seen.push(["logout", session.userId]));
  return seen;
};

afterEach(() => service.close());

for (const signing of ["user_id", "session_key", null]) {
  describe(`signing ${signing}`, () => {
    beforeEach(() => started(signing));

    test("create, call, update, logout and login work, in this order", async () => {
      const seen = events();
      const session = await toto.create("Zoë", "one", { color: "red" });
      assert.equal(session.userId, "zoë");
      assert.equal(typeof session.expires, "number");
      assert.equal("key" in session, signing === "session_key");
      assert.deepEqual(service.accounts.get("zoë").properties, { color: "red" });
      assert.equal(await toto.call("whoami", UNICODE), "zoë");
      assert.deepEqual(await toto.update("one", { color: "blue" }), ["color"]);
      await toto.logout();
      assert.equal(toto.session, null);
      await assert.rejects(toto.call("whoami"), { code: 1004 });
      await toto.login("ZOË", "one");
      assert.equal(await toto.call("whoami"), "zoë");
      assert.deepEqual(seen, [
        ["session", "zoë"],
        ["logout", "zoë"],
        ["session", "zoë"],
      ]);
    });

    test("a new password brings a new session", async () => {
      const before = await toto.create("ada", "one");
      assert.deepEqual(await toto.update("one", { new_password: "two" }), ["password"]);
      assert.notEqual(toto.session.sessionId, before.sessionId);
      assert.equal(await toto.call("whoami"), "ada");
    });

    test("an anonymous session is taken over and used", async () => {
      service.methods.visits = (parameters, context) => {
        service.methods.visit(parameters, context);
        return (context.session.visits = (context.session.visits ?? 0) + 1);
      };
      assert.equal(await toto.call("visits"), 1);
      assert.equal(toto.session.userId, "");
      assert.equal(await toto.call("visits"), 2);
      const sessions = service.requests.map(({ headers }) => headers["x-toto-session-id"]);
      assert.deepEqual(sessions, [undefined, toto.session.sessionId]);
    });

    test("members of a batch share a login", async () => {
      await toto.create("ada", "one");
      await toto.logout();
      const answers = await toto.batch({
        a: ["account.login", { user_id: "ada", password: "one" }],
        b: ["whoami"],
      });
      assert.equal(answers.b, "ada");
      assert.equal(toto.session.sessionId, answers.a.session_id);
      assert.equal(await toto.call("whoami"), "ada");
    });

    test("members of a batch share a logout", async () => {
      await toto.create("ada", "one");
      const answers = await toto.batch({ 1: ["account.logout"], 2: ["whoami"], 3: ["echo", { a: 1 }] });
      assert.deepEqual(answers[1], { authenticated: false });
      assert.equal(answers[2].code, 1004);
      assert.deepEqual(answers[3], { a: 1 });
      assert.equal(toto.session, null);
    });

    test("a login after a logout in the same batch counts", async () => {
      await toto.create("ada", "one");
      await toto.create("bob", "two");
      await toto.batch({ a: ["account.logout"], b: ["account.login", { user_id: "ada", password: "one" }] });
      assert.equal(toto.session.userId, "ada");
      assert.equal(await toto.call("whoami"), "ada");
    });
  });
}

describe("signatures", () => {
  for (const signing of ["user_id", "session_key"]) {
    test(`an answer that is not signed right is error 1009 and changes nothing (${signing})`, async () => {
      await started(signing);
      const session = await toto.create("ada", "one");
      const seen = events();
      service.forgery = "x";
      await assert.rejects(toto.call("whoami"), { code: 1009, message: "Invalid response HMAC" });
      await assert.rejects(toto.login("ada", "one"), { code: 1009 });
      assert.deepEqual(toto.session, session);
      assert.deepEqual(seen, []);
    });
  }

  test("verify: false takes such an answer", async () => {
    await started("session_key", { verify: false });
    service.forgery = "x";
    await toto.create("ada", "one");
    assert.equal(await toto.call("whoami"), "ada");
  });

  test("a service that does not sign is noticed", async () => {
    await started("user_id");
    service.signing = null;
    await assert.rejects(toto.create("ada", "one"), { code: 1009 });
    assert.equal(toto.session, null);
  });

  test("path and query are signed as they are sent", async () => {
    service = await new Service("session_key").start("/b%20d/ö/?q=ä b&c=%2F#part");
    toto = new Toto(service.url, { signing: "session_key" });
    await toto.create("ada", "one");
    assert.equal(await toto.call("whoami"), "ada");
    assert.equal(service.requests[0].url, "/b%20d/%C3%B6/?q=%C3%A4%20b&c=%2F");
  });
});
