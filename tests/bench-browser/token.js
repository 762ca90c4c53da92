// A token in the shape of the real ones, an hour from its end.
const encode = (value) => btoa(JSON.stringify(value)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const now = Math.floor(Date.now() / 1000);

export const LIFETIME = 3600;
export const EXPIRES_AT = now + LIFETIME;
export const CLAIMS = {
  iss: "https://issuer.example.com/",
  sub: "usr_7",
  aud: "app",
  azp: "app",
  sid: "sess_1",
  nonce: "nonce",
  iat: now,
  nbf: now,
  exp: EXPIRES_AT,
  scope: "openid profile",
};
/** As long as a token with a 64-byte signature is. */
export const jwt = (claims = CLAIMS, alg = "ES256") => `${encode({ alg, typ: "JWT", kid: "key-1" })}.${encode(claims)}.${"A".repeat(86)}`;
export const TOKEN = jwt();
