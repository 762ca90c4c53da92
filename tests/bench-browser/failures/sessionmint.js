import { createTokenManager } from "../../../crates/browser/pkg/index.js";
import { API } from "./session.js";

export const name = "sessionmint";
export const calls = { get: "getToken()", fetch: "fetch(url)" };
export const note =
  "whoever has a valid token gets it at once, and the next one is fetched meanwhile. Only `login_required` ends a session.";

export async function open() {
  const auth = createTokenManager({ iam: `${API}/iam`, apis: [API] });
  await auth.getToken();
  return { get: () => auth.getToken(), fetch: (url) => auth.fetch(url) };
}
