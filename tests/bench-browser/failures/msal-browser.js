import { createStandardPublicClientApplication, loadExternalTokens } from "@azure/msal-browser";
import { answer, CLIENT } from "./session.js";

export const msal = configured({});
/** It renews ahead by five minutes by default. */
export const msalLater = { ...configured({ tokenRenewalOffsetSeconds: 0 }), option: "`tokenRenewalOffsetSeconds: 0`" };

function configured(system) {
  return {
    name: "@azure/msal-browser",
    note: "it takes a token for ended five minutes before it is. With `tokenRenewalOffsetSeconds: 0` it is served to its end, and then somebody waits for the next one.",
    calls: { get: "acquireTokenSilent(request)" },
    async open() {
      const authority = `https://login.microsoftonline.com/${CLIENT}`;
      const config = { auth: { clientId: CLIENT, authority }, system };
      const request = { scopes: ["openid"], authority };
      const tokens = answer();
      const options = { expiresOn: tokens.expires_at, extendedExpiresOn: tokens.expires_at, clientInfo: tokens.client_info };
      const { account } = await loadExternalTokens(config, request, tokens, options);
      const application = await createStandardPublicClientApplication(config);
      return { get: async () => (await application.acquireTokenSilent({ ...request, account })).accessToken };
    },
  };
}
