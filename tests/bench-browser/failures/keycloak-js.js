import Keycloak from "keycloak-js";
import { answer, CLIENT, ISSUER } from "./session.js";

export const keycloak = withLeast(30);
/** It asks for nothing when the token lives longer than that. */
export const keycloakLater = { ...withLeast(5), option: "`updateToken(5)`" };

function withLeast(seconds) {
  return {
    name: "keycloak-js",
    note: "`updateToken(n)` renews a token that lives less than `n` seconds, and rejects when that fails, although the token is still valid.",
    calls: { get: `updateToken(${seconds}), token` },
    async open() {
      const keycloak = new Keycloak({ url: ISSUER, realm: "app", clientId: CLIENT });
      const { access_token, refresh_token } = answer();
      await keycloak.init({ token: access_token, refreshToken: refresh_token, timeSkew: 0, checkLoginIframe: false });
      return {
        get: async () => {
          await keycloak.updateToken(seconds);
          return keycloak.token;
        },
      };
    },
  };
}
