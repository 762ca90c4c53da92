import { User, UserManager } from "oidc-client-ts";
import { answer, CLIENT, ISSUER, USER } from "./session.js";

export const name = "oidc-client-ts";
export const calls = { get: "getUser()", renew: "signinSilent()" };
export const note =
  "`getUser()` asks nobody and gives what is there, ended or not, so whoever needs another token calls `signinSilent()`; that two do not at once is left to the app.";

export async function open() {
  const metadata = { issuer: `${ISSUER}/`, token_endpoint: `${ISSUER}/token`, authorization_endpoint: `${ISSUER}/authorize` };
  const manager = new UserManager({ authority: ISSUER, metadata, client_id: CLIENT, redirect_uri: `${location.origin}/callback` });
  const profile = { sub: USER.id, iss: `${ISSUER}/`, aud: CLIENT };
  await manager.storeUser(new User({ ...answer(), profile }));
  return {
    get: async () => {
      const user = await manager.getUser();
      return user && !user.expired ? user.access_token : undefined;
    },
    renew: async () => (await manager.signinSilent())?.access_token,
  };
}
