import { createTokenManager } from "../../../crates/browser/pkg/index.js";
import { createFakeIam } from "../../../crates/browser/pkg/testing.js";
import { LIFETIME, TOKEN } from "../token.js";

export async function setup() {
  const { url, fetch } = createFakeIam({ token: () => TOKEN, tokenLifetime: LIFETIME });
  const auth = createTokenManager({ iam: url, fetch });
  await auth.getToken();
  return { "peek()": () => auth.peek(), "await getToken()": () => auth.getToken() };
}
