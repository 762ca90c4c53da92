// Reads the claims of a token for display. It verifies nothing: that is the services' work, offline with the public
// keys. The token itself never leaves this module's callers; what is shown is a fingerprint of its `jti`.

/** The claims that the timeline shows. Times are seconds since 1970 on the server's clock. */
export interface Claims {
  jti: string;
  sid: string;
  sub: string;
  aud: string;
  scope: string;
  iat: number;
  exp: number;
}

/** The claims of a JWT, or `undefined` when it is not one or lacks one of them. */
export function readClaims(token: string): Claims | undefined {
  const part = token.split(".")[1];
  if (!part) return undefined;
  let parsed: unknown;
  try {
    const base64 = part.replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    parsed = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const { jti, sid, sub, aud, scope, iat, exp } = parsed as Record<string, unknown>;
  const texts = [jti, sid, sub, aud].every((value) => typeof value === "string");
  if (!texts || typeof iat !== "number" || typeof exp !== "number") return undefined;
  return {
    jti: String(jti),
    sid: String(sid),
    sub: String(sub),
    aud: String(aud),
    scope: typeof scope === "string" ? scope : "",
    iat,
    exp,
  };
}

/** Six hexadecimal digits of the SHA-256 of `jti`: enough to tell two tokens apart, useless to anyone else. */
export async function fingerprint(jti: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(jti)));
  return Array.from(digest.slice(-3), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
