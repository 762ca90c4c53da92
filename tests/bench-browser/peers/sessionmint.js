import { createTokenManager } from "../../../crates/browser/pkg/index.js";
import { LIFETIME, TOKEN } from "../token.js";

export async function setup() {
  const answer = { access_token: TOKEN, token_type: "Bearer", expires_in: LIFETIME, scope: "openid", session_expires_in: 86_400 };
  const fetch = async () => new Response(JSON.stringify(answer));
  const auth = createTokenManager({ iam: "https://api.example.com/iam", fetch });
  await auth.getToken();
  return { "peek()": () => auth.peek(), "await getToken()": () => auth.getToken() };
}
