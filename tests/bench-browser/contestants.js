// Who takes part, under the name of the npm package.
import { setup as sessionmint } from "./peers/sessionmint.js";
import { setup as keycloak } from "./peers/keycloak-js.js";
import { setup as oidc } from "./peers/oidc-client-ts.js";
import { setup as auth0 } from "./peers/auth0-spa-js.js";
import { setup as supabase } from "./peers/supabase.js";
import { setup as msal } from "./peers/msal-browser.js";
import { setup as clerk } from "./peers/clerk-js.js";

export { measure } from "./measure.js";
export const contestants = {
  sessionmint,
  "keycloak-js": keycloak,
  "oidc-client-ts": oidc,
  "@auth0/auth0-spa-js": auth0,
  "@supabase/auth-js": supabase,
  "@azure/msal-browser": msal,
  "@clerk/clerk-js": clerk,
};
