// The session that every package is signed in to, and what its token endpoint answers: one answer with what each of them reads.
import { jwt } from "../token.js";

export const ISSUER = "https://issuer.example.com";
export const API = "https://api.example.com";
export const CLIENT = "11111111-2222-3333-4444-555555555555";
/** Seconds that a token lives. */
export const LIFE = 300;
export const USER = { id: "usr_7", aud: "app", app_metadata: {}, user_metadata: {}, created_at: "2026-01-01T00:00:00Z" };

export function answer(now = Date.now()) {
  const iat = Math.floor(now / 1000);
  const claims = { iss: `${ISSUER}/`, sub: USER.id, aud: CLIENT, azp: CLIENT, sid: "sess_1", nonce: "nonce", iat, nbf: iat, exp: iat + LIFE, scope: "openid" };
  const person = { oid: CLIENT, tid: CLIENT, preferred_username: "alice", name: "Alice" };
  return {
    access_token: jwt(claims),
    id_token: jwt({ ...claims, ...person, exp: iat + 86_400 }, "RS256"),
    refresh_token: jwt({ ...claims, typ: "Refresh", exp: iat + 86_400 }),
    token_type: "Bearer",
    expires_in: LIFE,
    expires_at: claims.exp,
    scope: "openid",
    session_expires_in: 86_400,
    client_info: btoa(JSON.stringify({ uid: CLIENT, utid: CLIENT })),
    user: USER,
  };
}
