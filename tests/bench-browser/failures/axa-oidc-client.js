import { OidcClient } from "@axa-fr/oidc-client";
import { answer, CLIENT, ISSUER } from "./session.js";

export const name = "@axa-fr/oidc-client";
export const calls = { get: "getValidTokenAsync()", renew: "renewTokensAsync()", fetch: "fetchWithTokens(fetch)(url)" };
export const note =
  "five failed tries in a row, a second apart, end the session, and so does any answer of 4xx. The wrapper adds the token for every address; only the mode with a service worker, which is not the one here, has a list of trusted domains.";

export async function open() {
  const { access_token, id_token, refresh_token, expires_in } = answer();
  const tokens = { accessToken: access_token, idToken: id_token, refreshToken: refresh_token, expiresIn: expires_in };
  const issuedAt = Math.floor(Date.now() / 1000);
  sessionStorage["oidc.default"] = JSON.stringify({ tokens: { ...tokens, issuedAt } });
  sessionStorage["oidc.nonce.default"] = "nonce";
  sessionStorage["oidc.login.default"] = JSON.stringify({ scope: "openid" });
  const authority_configuration = { issuer: `${ISSUER}/`, token_endpoint: `${ISSUER}/token`, authorization_endpoint: `${ISSUER}/authorize` };
  const configuration = { client_id: CLIENT, redirect_uri: `${location.origin}/callback`, scope: "openid", authority: ISSUER, authority_configuration };
  const client = OidcClient.getOrCreate(() => fetch)(configuration);
  await client.tryKeepExistingSessionAsync();
  return {
    get: async () => {
      const { isTokensValid, tokens } = await client.getValidTokenAsync();
      return isTokensValid ? tokens.accessToken : undefined;
    },
    renew: async () => (await client.renewTokensAsync())?.accessToken,
    fetch: (url) => client.fetchWithTokens(fetch)(url),
  };
}
