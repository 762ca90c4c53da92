// oidc-provider with its in-memory store: a silent authorize (`prompt=none`) turns a session cookie into a code.
//
// node oidc-provider.mjs COOKIES
// Writes one `Cookie` header a line to the file COOKIES, then serves on a free port and prints `listening on ADDRESS`.

import { writeFileSync } from "node:fs";

import Provider from "oidc-provider";

const [cookies] = process.argv.slice(2);
const SESSIONS = 64;
const CLIENT = "web";

const provider = new Provider("http://127.0.0.1", {
  clients: [
    {
      client_id: CLIENT,
      token_endpoint_auth_method: "none",
      redirect_uris: ["https://ui.example.com/callback"],
      response_types: ["code"],
      grant_types: ["authorization_code"],
    },
  ],
  features: { devInteractions: { enabled: false } },
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  ttl: { Session: 3600, Grant: 3600, AuthorizationCode: 60 },
});

const lines = [];
for (let i = 0; i < SESSIONS; i++) {
  const accountId = `usr_${i}`;
  const grant = new provider.Grant({ accountId, clientId: CLIENT });
  grant.addOIDCScope("openid");
  const session = new provider.Session();
  session.loginAccount({ accountId, loginTs: Math.floor(Date.now() / 1000) });
  session.ensureClientContainer(CLIENT);
  session.grantIdFor(CLIENT, await grant.save());
  lines.push(`_session=${await session.save(3600)}`);
}
writeFileSync(cookies, lines.join("\n"));

const server = provider.listen(0, "127.0.0.1", () =>
  console.log(`listening on http://127.0.0.1:${server.address().port}`),
);
