// oauth4webapi (npm), which leaves each step to its user and checks each answer, against the running service.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as oauth from "oauth4webapi";
import { Browser, CALLBACK, RESOURCE, start } from "./stack.mjs";

let service, server;
const insecure = { [oauth.allowInsecureRequests]: true };
const web = { client_id: "server-side", id_token_signed_response_alg: "ES256" };

before(async () => {
  service = await start();
  const issuer = new URL(service.issuer);
  const answer = await oauth.discoveryRequest(issuer, { ...insecure, algorithm: "oidc" });
  server = await oauth.processDiscoveryResponse(issuer, answer);
});

after(() => service?.stop());

/** What a user's browser brings back. */
async function visit(client, parameters, browser = new Browser(service.issuer, service.iam.user)) {
  const verifier = oauth.generateRandomCodeVerifier();
  const url = new URL(server.authorization_endpoint);
  const query = {
    client_id: client.client_id,
    redirect_uri: CALLBACK,
    response_type: "code",
    scope: "openid notes:read",
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state: "the state",
    nonce: "the nonce",
    ...parameters,
  };
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return { verifier, back: oauth.validateAuthResponse(server, client, await browser.visit(url), "the state") };
}

async function redeem(client, authenticate, { verifier, back }, options = {}) {
  return oauth.authorizationCodeGrantRequest(server, client, authenticate, back, CALLBACK, verifier, { ...insecure, ...options });
}

test("c045_the_metadata_also_stands_where_rfc_8414_has_it", async () => {
  const issuer = new URL(service.issuer);
  const answer = await oauth.discoveryRequest(issuer, { ...insecure, algorithm: "oauth2" });
  assert.deepEqual(await oauth.processDiscoveryResponse(issuer, answer), server);
});

test("the_code_flow_with_each_way_to_send_a_secret", async () => {
  const other = { client_id: "other", id_token_signed_response_alg: "ES256" };
  for (const [client, authenticate] of [
    [web, oauth.ClientSecretBasic(service.secrets.web)],
    [other, oauth.ClientSecretPost(service.secrets.other)],
  ]) {
    const answer = await redeem(client, authenticate, await visit(client));
    const tokens = await oauth.processAuthorizationCodeResponse(server, client, answer, { expectedNonce: "the nonce", requireIdToken: true });
    const { sub } = oauth.getValidatedIdTokenClaims(tokens);
    const info = await oauth.userInfoRequest(server, client, tokens.access_token, insecure);
    assert.deepEqual(await oauth.processUserInfoResponse(server, client, sub, info), { sub });
  }
});

test("c042_a_token_is_for_one_of_the_resources_that_were_asked_for", async () => {
  const authenticate = oauth.ClientSecretBasic(service.secrets.web);
  for (const [resource, status] of [["https://b.example.com", 200], [RESOURCE, 400]]) {
    const came = await visit(web, { resource: "https://b.example.com" });
    const answer = await redeem(web, authenticate, came, { additionalParameters: { resource } });
    assert.equal(answer.status, status);
    const body = await answer.json();
    if (status === 400) assert.equal(body.error, "invalid_target");
    else assert.equal(JSON.parse(atob(body.access_token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"))).aud, resource);
  }
});

test("c086_a_code_is_redeemed_once_and_then_nothing_of_it_is_left", async () => {
  const authenticate = oauth.ClientSecretBasic(service.secrets.web);
  const came = await visit(web);
  const first = await (await redeem(web, authenticate, came)).json();
  const again = await redeem(web, authenticate, came);
  await assert.rejects(oauth.processAuthorizationCodeResponse(server, web, again), (error) => error.error === "invalid_grant");
  const info = await oauth.userInfoRequest(server, web, first.access_token, insecure);
  assert.equal(info.status, 401);
});

test("c108_a_client_with_a_key_of_its_own", async () => {
  const { publicKey, privateKey } = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const jwk = { ...(await crypto.subtle.exportKey("jwk", publicKey)), kid: "k1", alg: "ES256", use: "sig", ext: undefined, key_ops: undefined };
  const file = join(service.iam.folder, "keys.json");
  writeFileSync(file, JSON.stringify({ keys: [jwk] }));
  service.add("signer", "--grant", "client_credentials", "--auth", "private_key_jwt", "--jwks-file", file);
  const signer = { client_id: "signer" };
  const authenticate = oauth.PrivateKeyJwt({ key: privateKey, kid: "k1" });
  const answer = await oauth.clientCredentialsGrantRequest(server, signer, authenticate, { scope: "notes:read" }, insecure);
  const tokens = await oauth.processClientCredentialsResponse(server, signer, answer);
  assert.equal(tokens.token_type, "bearer");
});
