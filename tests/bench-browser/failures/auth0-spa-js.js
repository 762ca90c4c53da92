import { Auth0Client, CacheKey, InMemoryCache } from "@auth0/auth0-spa-js";
import { API, answer, CLIENT, ISSUER, USER } from "./session.js";

export const name = "@auth0/auth0-spa-js";
export const calls = { get: "getTokenSilently()", fetch: "createFetcher({ baseUrl }).fetchWithAuth(url)" };
export const note =
  "it takes a token for ended 60 s before it is, and no option changes that. `baseUrl` completes relative addresses; it does not limit absolute ones.";

export async function open() {
  const { access_token, id_token, refresh_token, token_type, expires_in, expires_at } = answer();
  const scope = "openid offline_access";
  const cache = new InMemoryCache().enclosedCache;
  // "default" is what it calls a request without an audience.
  for (const audience of ["default", API]) {
    const body = { access_token, refresh_token, token_type, expires_in, scope, audience, client_id: CLIENT };
    cache.set(new CacheKey({ clientId: CLIENT, audience, scope }).toKey(), { body, expiresAt: expires_at });
  }
  const decodedToken = { claims: { sub: USER.id }, user: { sub: USER.id } };
  cache.set(new CacheKey({ clientId: CLIENT }, undefined, "@@user@@").toKey(), { id_token, decodedToken });
  const authorizationParams = { audience: API, scope };
  const client = new Auth0Client({ domain: new URL(ISSUER).host, clientId: CLIENT, authorizationParams, cache, useRefreshTokens: true });
  const fetcher = client.createFetcher({ baseUrl: API });
  return { get: () => client.getTokenSilently(), fetch: (url) => fetcher.fetchWithAuth(url) };
}
