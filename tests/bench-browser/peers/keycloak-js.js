import Keycloak from "keycloak-js";
import { answerFetches } from "../fake-fetch.js";
import { CLAIMS, jwt, LIFETIME, TOKEN } from "../token.js";

export async function setup() {
  const keycloak = new Keycloak({ url: "https://issuer.example.com", realm: "app", clientId: "app" });
  const refreshToken = jwt({ ...CLAIMS, typ: "Refresh", exp: CLAIMS.exp + LIFETIME });
  // It begins with a renewal.
  const { restore } = answerFetches({ "/token": { access_token: TOKEN, refresh_token: refreshToken } });
  await keycloak.init({ token: TOKEN, refreshToken, timeSkew: 0, checkLoginIframe: false });
  restore();
  return {
    "await updateToken(5), token": async () => {
      await keycloak.updateToken(5);
      return keycloak.token;
    },
  };
}
