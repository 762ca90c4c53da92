// Reading a token for display.
import assert from "node:assert/strict";
import { test } from "node:test";

import { source } from "./source.mjs";

const { fingerprint, readClaims } = await source("trace/claims.ts");

const CLAIMS = { jti: "j-1", sid: "ses_1", sub: "usr_ü", aud: "http://api", scope: "a b", iat: 10, exp: 25, iss: "x" };

function jwt(payload) {
  return `e30.${Buffer.from(JSON.stringify(payload)).toString("base64url")}.c2ln`;
}

test("the claims of a token are read, other than ASCII too", () => {
  const { iss: _, ...shown } = CLAIMS;
  assert.deepEqual(readClaims(jwt(CLAIMS)), shown);
});

test("what is not such a token is not shown", () => {
  for (const text of ["", "a", "a.b.c", "e30.e30.x", jwt(null), jwt([]), jwt({ ...CLAIMS, exp: "25" }), jwt({ ...CLAIMS, jti: 1 })]) {
    assert.equal(readClaims(text), undefined, text);
  }
});

test("a fingerprint is six digits, stable, and differs between tokens", async () => {
  const one = await fingerprint("j-1");
  assert.match(one, /^[0-9a-f]{6}$/);
  assert.equal(await fingerprint("j-1"), one);
  assert.notEqual(await fingerprint("j-2"), one);
});
