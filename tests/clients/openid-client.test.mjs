// openid-client (npm), which is certified as a relying party, against the running service.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as client from "openid-client";
import { Browser, CALLBACK, RESOURCE, start } from "./stack.mjs";

let service, config;
const insecure = { execute: [client.allowInsecureRequests], algorithm: "oidc" };

before(async () => {
  service = await start();
  config = await client.discovery(new URL(service.issuer), "server-side", { id_token_signed_response_alg: "ES256" }, client.ClientSecretBasic(service.secrets.web), insecure);
});

after(() => service?.stop());

/** From the request to the tokens. */
async function signIn(config, parameters = {}, browser = new Browser(service.issuer, service.iam.user)) {
  const verifier = client.randomPKCECodeVerifier();
  const [nonce, state] = [client.randomNonce(), client.randomState()];
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: CALLBACK,
    scope: "openid profile notes:read",
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    nonce,
    state,
    ...parameters,
  });
  const back = await browser.visit(url);
  const checks = { pkceCodeVerifier: verifier, expectedNonce: nonce, expectedState: state, idTokenExpected: true };
  return client.authorizationCodeGrant(config, back, { ...checks, ...("max_age" in parameters && { maxAge: Number(parameters.max_age) }) });
}

test("the_code_flow_ends_with_a_checked_id_token_and_userinfo", async () => {
  const tokens = await signIn(config, { max_age: "1000" });
  const claims = tokens.claims();
  assert.equal(claims.iss, service.issuer);
  assert.equal(tokens.scope, "notes:read openid profile");
  const user = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  assert.deepEqual(user, { sub: claims.sub, preferred_username: service.iam.user });
});

test("c046_the_issuer_of_the_response_is_checked", async () => {
  assert.equal(config.serverMetadata().authorization_response_iss_parameter_supported, true);
});

test("a_client_without_a_secret_and_with_a_port_of_its_own", async () => {
  const native = await client.discovery(new URL(service.issuer), "native", { id_token_signed_response_alg: "ES256" }, client.None(), insecure);
  const tokens = await signIn(native, { redirect_uri: CALLBACK.replace("4190", "51004") });
  assert.equal(tokens.claims().aud, "native");
});

test("c089_prompt_none_without_a_session_is_login_required", async () => {
  await assert.rejects(signIn(config, { prompt: "none" }), (error) => error.error === "login_required");
});

test("a_user_who_does_not_agree_is_access_denied", async () => {
  const other = await client.discovery(new URL(service.issuer), "other", { id_token_signed_response_alg: "ES256" }, client.ClientSecretPost(service.secrets.other), insecure);
  const browser = new Browser(service.issuer, service.iam.user);
  const deny = { visit: (url) => browser.visit(url, { answer: "deny" }) };
  await assert.rejects(signIn(other, {}, deny), (error) => error.error === "access_denied");
  assert.ok((await signIn(other, {}, browser)).access_token);
});

test("c046_c039_a_service_account_gets_a_token_for_itself", async () => {
  const worker = await client.discovery(new URL(service.issuer), "worker", undefined, client.ClientSecretBasic(service.secrets.worker), insecure);
  const tokens = await client.clientCredentialsGrant(worker, { scope: "notes:read", resource: RESOURCE });
  assert.equal(tokens.scope, "notes:read");
});

test("a_client_has_its_user_signed_out_after_they_confirm", async () => {
  const browser = new Browser(service.issuer, service.iam.user);
  const tokens = await signIn(config, {}, browser);
  const url = client.buildEndSessionUrl(config, {
    post_logout_redirect_uri: "http://127.0.0.1:4190/bye",
    id_token_hint: tokens.id_token,
    state: "a b",
  });
  assert.equal(await browser.leave(url), "http://127.0.0.1:4190/bye?state=a+b");
  await assert.rejects(client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub));
});


test("c092_a_refresh_token_is_renewed_and_given_back", async () => {
  const tokens = await signIn(config, { scope: "openid offline_access notes:read", resource: RESOURCE });
  const renewed = await client.refreshTokenGrant(config, tokens.refresh_token);
  assert.notEqual(renewed.access_token, tokens.access_token);
  await client.fetchUserInfo(config, renewed.access_token, tokens.claims().sub);
  await client.tokenRevocation(config, renewed.refresh_token);
  await assert.rejects(client.refreshTokenGrant(config, renewed.refresh_token), (error) => error.error === "invalid_grant");
});

test("c044_a_service_is_told_what_is_in_a_token_for_it_and_nothing_of_others", async () => {
  const authenticate = client.ClientSecretBasic(service.secrets.worker);
  const worker = await client.discovery(new URL(service.issuer), "worker", undefined, authenticate, insecure);
  const tokens = await signIn(config, { resource: RESOURCE });
  const told = await client.tokenIntrospection(worker, tokens.access_token);
  assert.deepEqual([told.active, told.client_id, told.aud], [true, "server-side", RESOURCE]);
  assert.equal((await client.tokenIntrospection(worker, "nonsense")).active, false);
});
