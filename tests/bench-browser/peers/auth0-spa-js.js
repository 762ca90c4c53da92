import { Auth0Client, CacheKey, InMemoryCache } from "@auth0/auth0-spa-js";
import { CLAIMS, EXPIRES_AT, LIFETIME, TOKEN } from "../token.js";

export async function setup() {
  const cache = new InMemoryCache().enclosedCache;
  const { scope } = CLAIMS;
  for (const audience of ["default", "app"]) {
    const entry = {
      access_token: TOKEN,
      token_type: "Bearer",
      expires_in: LIFETIME,
      client_id: "app",
      audience,
      scope,
    };
    cache.set(new CacheKey({ clientId: "app", audience, scope }).toKey(), { body: entry, expiresAt: EXPIRES_AT });
  }
  const decodedToken = { claims: CLAIMS, user: { sub: CLAIMS.sub } };
  cache.set(new CacheKey({ clientId: "app" }, undefined, "@@user@@").toKey(), { id_token: TOKEN, decodedToken });
  const client = new Auth0Client({
    domain: "issuer.example.com",
    clientId: "app",
    authorizationParams: { audience: "app", scope },
    cache,
  });
  return { "await getTokenSilently()": () => client.getTokenSilently() };
}
