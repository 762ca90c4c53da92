import { InMemoryWebStorage, User, UserManager, WebStorageStateStore } from "oidc-client-ts";
import { CLAIMS, EXPIRES_AT, TOKEN } from "../token.js";

export async function setup() {
  const manager = new UserManager({
    authority: "https://issuer.example.com",
    client_id: "app",
    redirect_uri: "https://app.example.com/callback",
    userStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
    automaticSilentRenew: false,
  });
  await manager.storeUser(
    new User({ access_token: TOKEN, token_type: "Bearer", scope: CLAIMS.scope, profile: CLAIMS, expires_at: EXPIRES_AT }),
  );
  return { "(await getUser()).access_token": async () => (await manager.getUser()).access_token };
}
