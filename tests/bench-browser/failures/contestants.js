// Who takes part. Each has the `name` of its npm package, the `calls` that are made, an `option` where it is not as it comes, a `note` on
// why it behaves as it does, and `open()`: a client that is signed in, with a token of `LIFE` seconds and all it needs to renew it. That gives `get()`,
// what an app calls for a token; `renew()`, if that is another call; `fetch(url)`, if the package has a wrapper.
import * as auth0 from "./auth0-spa-js.js";
import * as axa from "./axa-oidc-client.js";
import { keycloak, keycloakLater } from "./keycloak-js.js";
import { msal, msalLater } from "./msal-browser.js";
import * as oidc from "./oidc-client-ts.js";
import * as sessionmint from "./sessionmint.js";
import * as supabase from "./supabase.js";

export const packages = [sessionmint, auth0, msal, msalLater, supabase, oidc, axa, keycloak, keycloakLater];
