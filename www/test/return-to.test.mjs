// Attacks on the return address of the login page.
import assert from "node:assert/strict";
import { test } from "node:test";

import { source } from "./source.mjs";

const { loginAddress, safeReturnTo } = await source("return-to.ts");

const ORIGIN = "http://ui.app.localhost:4180";

test("a path on this origin survives with query and fragment", () => {
  for (const path of ["/", "/account", "/?a=1&b=%2F%2F", "/notes/7?x=y#end", "/a//b", "/?text=two%0Alines"]) {
    assert.equal(safeReturnTo(path, ORIGIN), path);
  }
  assert.equal(safeReturnTo("/x/../account", ORIGIN), "/account");
  assert.equal(safeReturnTo("/übung", ORIGIN), "/%C3%BCbung");
});

test("a hostile return address never leaves the origin", () => {
  const hostile = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r/evil.example",
    "\t//evil.example",
    " //evil.example",
    "https://evil.example/",
    "https:evil.example",
    "http://ui.app.localhost:4180@evil.example/",
    "http://ui.app.localhost:4180/account",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "/\u0000/evil.example",
    "java\nscript:alert(1)",
    "data:text/html,x",
    "blob:http://ui.app.localhost:4180/1",
    "//ui.app.localhost:4180/account",
    "/.//evil.example",
    "/..//evil.example",
    "/a/..//evil.example",
    "/%2e//evil.example",
    "/%09/evil.example",
    "/%0a/evil.example",
    "/%2F/evil.example",
    "/%2fevil.example",
    "/%5Cevil.example",
    "/a%5c..%5cevil.example",
    "@evil.example",
    ".evil.example",
    "?next=//evil.example",
    "#x",
    "",
  ];
  for (const next of hostile) assert.equal(safeReturnTo(next, ORIGIN), "/", JSON.stringify(next));
  assert.equal(safeReturnTo(null, ORIGIN), "/");
  assert.equal(safeReturnTo(undefined, ORIGIN), "/");
  assert.equal(safeReturnTo(`/${"a".repeat(5000)}`, ORIGIN), "/");
});

test("whatever comes out resolves to this origin, by any parser that joins or resolves", () => {
  const pieces = ["/", "//", "\\", ".", "..", "%2e", "%5c", "\t", "evil.example", "@", ":", "?", "#", "a"];
  for (const a of pieces) {
    for (const b of pieces) {
      for (const c of pieces) {
        for (const d of pieces) {
          const result = safeReturnTo(`/${a}${b}${c}${d}`, ORIGIN);
          assert.match(result, /^\/(?![/\\])/);
          assert.equal(new URL(result, ORIGIN).origin, ORIGIN);
        }
      }
    }
  }
});

test("the login page never returns to itself", () => {
  assert.equal(safeReturnTo("/login", ORIGIN), "/");
  assert.equal(safeReturnTo("/login?next=/login", ORIGIN), "/");
  assert.equal(safeReturnTo("/x/../login", ORIGIN), "/");
  assert.equal(loginAddress("/login?next=/account", ORIGIN), "/login?next=/");
});

test("the login address carries the page in hand and nothing of its query leaks out of `next`", () => {
  assert.equal(loginAddress("/account", ORIGIN), "/login?next=/account");
  const address = loginAddress("/?a=1&next=//evil.example#top", ORIGIN);
  const url = new URL(address, ORIGIN);
  assert.deepEqual([...url.searchParams.keys()], ["next"]);
  assert.equal(url.hash, "");
  assert.equal(safeReturnTo(url.searchParams.get("next"), ORIGIN), "/?a=1&next=//evil.example#top");
});
