import { createStandardPublicClientApplication, loadExternalTokens } from "@azure/msal-browser";
import { CLAIMS, EXPIRES_AT, jwt, LIFETIME, TOKEN } from "../token.js";

const TENANT = "11111111-2222-3333-4444-555555555555";

export async function setup() {
  const authority = `https://login.microsoftonline.com/${TENANT}`;
  const config = { auth: { clientId: TENANT, authority } };
  const request = { scopes: ["api"], authority, account: undefined };
  const idToken = jwt({ ...CLAIMS, oid: TENANT, tid: TENANT, preferred_username: "alice", name: "Alice" });
  const clientInfo = btoa(JSON.stringify({ uid: TENANT, utid: TENANT }));
  const answer = { token_type: "Bearer", access_token: TOKEN, id_token: idToken, scope: "api", expires_in: LIFETIME, client_info: clientInfo };
  const { account } = await loadExternalTokens(config, request, answer, { expiresOn: EXPIRES_AT, extendedExpiresOn: EXPIRES_AT, clientInfo });
  const application = await createStandardPublicClientApplication(config);
  const silent = { scopes: ["api"], authority, account };
  return { "(await acquireTokenSilent()).accessToken": async () => (await application.acquireTokenSilent(silent)).accessToken };
}
