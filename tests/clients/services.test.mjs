// Services that act for users, give tokens back and ask about them, with oauth4webapi (npm) against the running service.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as oauth from "oauth4webapi";
import { Browser, CALLBACK, RESOURCE, start } from "./stack.mjs";

const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";
const EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const insecure = { [oauth.allowInsecureRequests]: true };
const caller = { client_id: "caller" };
let service, server, authenticate;

before(async () => {
  service = await start();
  const issuer = new URL(service.issuer);
  server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { ...insecure, algorithm: "oauth2" }));
  authenticate = oauth.ClientSecretBasic(service.add("caller", "--grant", "client_credentials", "--grant", "token-exchange"));
});

after(() => service?.stop());

/** The access token of a user, that an app got with a code. */
async function usersToken() {
  const web = { client_id: "server-side" };
  const verifier = oauth.generateRandomCodeVerifier();
  const url = new URL(server.authorization_endpoint);
  const query = {
    client_id: web.client_id,
    redirect_uri: CALLBACK,
    response_type: "code",
    scope: "notes:read",
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const browser = new Browser(service.issuer, service.iam.user);
  const back = oauth.validateAuthResponse(server, web, await browser.visit(url));
  const secret = oauth.ClientSecretBasic(service.secrets.web);
  const answer = await oauth.authorizationCodeGrantRequest(server, web, secret, back, CALLBACK, verifier, insecure);
  return (await oauth.processAuthorizationCodeResponse(server, web, answer)).access_token;
}

async function introspect(token) {
  const answer = await oauth.introspectionRequest(server, caller, authenticate, token, insecure);
  return oauth.processIntrospectionResponse(server, caller, answer);
}

test("c040_c043_c044_a_service_acts_for_a_user_and_gives_the_token_back", async () => {
  const subject_token = await usersToken();
  const before = await introspect(subject_token);
  assert.equal(before.active, true);
  const asked = { subject_token, subject_token_type: ACCESS_TOKEN, resource: "https://b.example.com" };
  const answer = await oauth.genericTokenEndpointRequest(server, caller, authenticate, EXCHANGE, asked, insecure);
  const tokens = await oauth.processGenericTokenEndpointResponse(server, caller, answer);
  assert.equal(tokens.issued_token_type, ACCESS_TOKEN);
  const told = await introspect(tokens.access_token);
  assert.equal(told.sub, before.sub);
  assert.equal(told.aud, "https://b.example.com");
  assert.equal(told.scope, "notes:read");
  assert.match(told.act.sub, /^cli_/);
  assert.ok(told.exp <= before.exp);

  const revoked = await oauth.revocationRequest(server, caller, authenticate, tokens.access_token, insecure);
  await oauth.processRevocationResponse(revoked);
  assert.deepEqual(await introspect(tokens.access_token), { active: false });
  assert.equal((await introspect(subject_token)).active, true, "another client's stays");
});

test("c039_a_service_acts_for_itself", async () => {
  const asked = { scope: "notes:read", resource: RESOURCE };
  const answer = await oauth.clientCredentialsGrantRequest(server, caller, authenticate, asked, insecure);
  const tokens = await oauth.processClientCredentialsResponse(server, caller, answer);
  const told = await introspect(tokens.access_token);
  assert.match(told.sub, /^cli_/);
  assert.equal(told.client_id, "caller");
});
