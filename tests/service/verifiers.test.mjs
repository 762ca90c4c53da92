// Verifiers that we did not write accept a minted token from the JWKS address alone, and refuse a changed one.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import { COOKIE, login, mint, send } from "../harness/client.mjs";
import { run } from "../harness/process.mjs";
import { startDemo } from "../harness/stack.mjs";

let demo, token, jwks;

before(async () => {
  demo = await startDemo({ config: "[keys]\njwks_max_age_secs = 10\n" });
  const { session } = await login(demo.api, { origin: demo.ui, username: demo.iam.user });
  const answer = await mint(demo.api, { origin: demo.ui, cookie: `${COOKIE}=${session}` });
  token = answer.json.access_token;
  jwks = `${demo.iam.url}/iam/.well-known/jwks.json`;
});

after(() => demo?.stop());

const changed = (jwt) => {
  const [header, payload, signature] = jwt.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url"));
  return [header, Buffer.from(JSON.stringify({ ...claims, sub: "usr_evil" })).toString("base64url"), signature].join(".");
};

test("jose (npm)", async () => {
  const keys = createRemoteJWKSet(new URL(jwks));
  const wanted = { issuer: demo.iam.issuer, audience: demo.api, typ: "at+jwt", algorithms: ["ES256"] };
  const { payload } = await jwtVerify(token, keys, wanted);
  assert.match(payload.sub, /^usr_/);
  assert.equal(payload.client_id, "web");
  await assert.rejects(jwtVerify(changed(token), keys, wanted), { code: "ERR_JWS_SIGNATURE_VERIFICATION_FAILED" });
  await assert.rejects(jwtVerify(token, keys, { ...wanted, audience: "https://other.example" }));
});

const PYJWT = `
import sys, jwt
token, url, issuer, audience = sys.argv[1:]
key = jwt.PyJWKClient(url).get_signing_key_from_jwt(token)
claims = jwt.decode(token, key.key, algorithms=["ES256"], issuer=issuer, audience=audience,
                    options={"require": ["exp", "iat", "sub", "aud", "iss", "jti"]})
print(claims["sub"])
`;

const JOSERFC = `
import json, sys, urllib.request
from joserfc import jwt
from joserfc.jwk import KeySet
token, url, issuer, audience = sys.argv[1:]
keys = KeySet.import_key_set(json.load(urllib.request.urlopen(url)))
decoded = jwt.decode(token, keys, algorithms=["ES256"])
jwt.JWTClaimsRegistry(iss={"essential": True, "value": issuer}, aud={"essential": True, "value": audience},
                      exp={"essential": True}).validate(decoded.claims)
print(decoded.claims["sub"])
`;

for (const [name, script] of [["PyJWT (PyPI)", PYJWT], ["joserfc (PyPI)", JOSERFC]]) {
  test(name, () => {
    const verify = (jwt, audience) => run(process.env.PYTHON, ["-c", script, jwt, jwks, demo.iam.issuer, audience]);
    const good = verify(token, demo.api);
    assert.equal(good.status, 0, good.stderr);
    assert.match(good.stdout, /^usr_/);
    assert.notEqual(verify(changed(token), demo.api).status, 0, "a changed token");
    assert.notEqual(verify(token, "https://other.example").status, 0, "another audience");
  });
}

test("the header says what it is and which key", async () => {
  const header = decodeProtectedHeader(token);
  assert.equal(header.typ, "at+jwt");
  assert.equal(header.alg, "ES256");
  const set = await send(demo.iam.url, { path: "/iam/.well-known/jwks.json" });
  assert.deepEqual(set.json.keys.map((key) => key.kid), [header.kid]);
});

test("c070_jose_verifies_tokens_of_both_keys_of_a_rotation", async () => {
  const keys = createRemoteJWKSet(new URL(jwks), { cooldownDuration: 0 });
  const wanted = { issuer: demo.iam.issuer, audience: demo.api, typ: "at+jwt", algorithms: ["ES256"] };
  const kid = (jwt) => decodeProtectedHeader(jwt).kid;
  await jwtVerify(token, keys, wanted);
  const next = demo.iam.cli("keys", "rotate").trim();
  const { session } = await login(demo.api, { origin: demo.ui, username: demo.iam.user });
  let minted = token;
  for (const end = Date.now() + 60_000; kid(minted) !== next && Date.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    minted = (await mint(demo.api, { origin: demo.ui, cookie: `${COOKIE}=${session}` })).json.access_token;
    await jwtVerify(minted, keys, wanted);
  }
  assert.equal(kid(minted), next, "the new key signs after a cache age");
  assert.notEqual(kid(token), next);
  const fresh = createRemoteJWKSet(new URL(jwks));
  for (const set of [keys, fresh]) {
    for (const jwt of [token, minted]) await jwtVerify(jwt, set, wanted);
  }
  const states = JSON.parse(demo.iam.cli("keys", "list", "--json")).map((key) => key.state);
  assert.deepEqual(states, ["retiring", "active"]);
});

test("c132_services_verify_while_the_iam_is_down", async () => {
  const call = () => send(demo.api, { path: "/notes", headers: { origin: demo.ui, authorization: `Bearer ${token}` } });
  assert.equal((await call()).status, 200);
  await demo.iam.log.stop();
  assert.equal((await call()).status, 200);
  await demo.iam.start();
});
