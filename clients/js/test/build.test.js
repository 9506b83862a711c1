import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, test } from "node:test";
import { runInNewContext } from "node:vm";

import { built } from "../build.mjs";
import { Service } from "../fixtures/service.js";
import * as sources from "../src/index.js";

const STATIC = new URL("../../../toto_django/static/toto_django/", import.meta.url);
const TYPES = readFileSync(new URL("../index.d.ts", import.meta.url), "utf8");

const text = (name) => readFileSync(new URL(name, STATIC), "utf8");

/** What the classic script defines, in a context with only what every browser and worker has. */
function classic() {
  const { AbortController, btoa, clearTimeout, fetch, Headers, queueMicrotask, setTimeout } = globalThis;
  const { TextDecoder, TextEncoder, URL } = globalThis;
  const context = { AbortController, btoa, clearTimeout, fetch, Headers, queueMicrotask, setTimeout };
  Object.assign(context, { TextDecoder, TextEncoder, URL });
  const names = Object.keys(context);
  runInNewContext(text("toto.classic.js"), context);
  assert.deepEqual(Object.keys(context), [...names, "Toto"]);
  return context.Toto;
}

for (const [name, code] of Object.entries(built())) {
  test(`${name} is up to date; if not, npm run build`, () => {
    assert.equal(text(name), code);
  });

  test(`${name} writes nothing to the console`, () => {
    assert.doesNotMatch(code, /\bconsole\b/);
  });
}

for (const [name, load] of [
  ["toto.js", () => import(new URL("toto.js", STATIC))],
  ["toto.classic.js", classic],
]) {
  describe(name, () => {
    let service;

    beforeEach(async () => (service = await new Service("session_key").start()));
    afterEach(() => service.close());

    test("exports what the sources do", async () => {
      assert.deepEqual(Object.keys(await load()).sort(), Object.keys(sources).sort());
    });

    test("calls a service", async () => {
      const { Toto, TotoError } = await load();
      const toto = new Toto(service.url, { signing: "session_key" });
      await toto.create("zoë", "one");
      assert.equal(await toto.call("whoami", { text: "☃" }), "zoë");
      await assert.rejects(
        toto.call("missing"),
        (error) => error instanceof TotoError && error.code === 1001,
      );
    });
  });
}

describe("index.d.ts", () => {
  test("declares what is exported", () => {
    const declared = [...TYPES.matchAll(/^export (?:class|const|function) (\w+)/gm)].map(([, name]) => name);
    assert.deepEqual(declared.sort(), Object.keys(sources).sort());
  });

  test("declares the members of Toto and the codes", () => {
    const members = Object.getOwnPropertyNames(sources.Toto.prototype);
    for (const name of members) assert.match(TYPES, new RegExp(`\\b${name}[(<]`), name);
    for (const [name, code] of Object.entries(sources.codes))
      assert.ok(TYPES.includes(`readonly ${name}: ${code};`));
  });
});
