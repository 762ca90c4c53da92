import { AuthClient } from "@supabase/auth-js";
import { answer, ISSUER } from "./session.js";

export const name = "@supabase/auth-js";
export const calls = { get: "getSession()" };
export const note =
  "it takes a token for ended 90 s before it is, and tries for up to 30 s before it answers; no option changes that. A refused renewal deletes the session once the token has ended, and `429` counts as refused.";

export async function open() {
  localStorage.setItem("session", JSON.stringify(answer()));
  const client = new AuthClient({ url: ISSUER, storageKey: "session" });
  await client.initialize();
  const get = async () => {
    const { data, error } = await client.getSession();
    if (error) throw error;
    return data.session?.access_token;
  };
  return { get };
}
