import { AuthClient } from "@supabase/auth-js";
import { EXPIRES_AT, LIFETIME, TOKEN } from "../token.js";

export async function setup() {
  const user = { id: "usr_7", aud: "app", app_metadata: {}, user_metadata: {}, created_at: "2026-01-01T00:00:00Z" };
  const session = { access_token: TOKEN, refresh_token: "r", token_type: "bearer", expires_in: LIFETIME, expires_at: EXPIRES_AT, user };
  const items = new Map([["session", JSON.stringify(session)]]);
  const storage = {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
  const client = new AuthClient({ url: "https://issuer.example.com", storageKey: "session", storage, autoRefreshToken: false, detectSessionInUrl: false });
  return { "(await getSession()).data.session.access_token": async () => (await client.getSession()).data.session.access_token };
}
