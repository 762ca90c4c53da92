// oidc-provider with its tokens in memory: a refresh token turns into a new one and a JWT access token.
//
// node oidc-provider-refresh.mjs TOKENS COUNT
// Writes COUNT refresh tokens of as many grants to the file TOKENS, one a line, then serves on a free port and prints
// `listening on ADDRESS`.

import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";

import Provider from "oidc-provider";

const [file, count] = process.argv.slice(2);
const RESOURCE = "http://api.app.localhost:4181";
const SCOPE = "notes:read notes:write";
const DAY = 86_400;

// The adapter that comes with it forgets all but the last 1,000 entries. This one does less than that: it keeps everything,
// for ever, and finds the tokens of a grant only by looking at all.
const entries = new Map();

class Adapter {
  constructor(model) {
    this.model = model;
  }

  key(id) {
    return `${this.model}:${id}`;
  }

  async upsert(id, payload) {
    entries.set(this.key(id), payload);
  }

  async find(id) {
    return entries.get(this.key(id));
  }

  async consume(id) {
    entries.get(this.key(id)).consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    entries.delete(this.key(id));
  }

  async revokeByGrantId(grantId) {
    for (const [key, payload] of entries) {
      if (payload.grantId === grantId) {
        entries.delete(key);
      }
    }
  }
}

// Ed25519, as the service in the row beside it: Node signs an RS256 token in many times that.
const { privateKey } = generateKeyPairSync("ed25519");
const provider = new Provider("http://127.0.0.1", {
  adapter: Adapter,
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), alg: "EdDSA", use: "sig" }] },
  enabledJWA: { idTokenSigningAlgValues: ["EdDSA"] },
  clientDefaults: { id_token_signed_response_alg: "EdDSA" },
  clients: [
    {
      client_id: "server",
      client_secret: "sms_bench",
      token_endpoint_auth_method: "client_secret_basic",
      redirect_uris: ["https://server.example.com/callback"],
      grant_types: ["authorization_code", "refresh_token"],
    },
  ],
  scopes: ["offline_access", ...SCOPE.split(" ")],
  // No scope `openid`: then an ID token would be signed as well.
  features: {
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        scope: SCOPE,
        audience: RESOURCE,
        accessTokenTTL: 300,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: "EdDSA" } },
      }),
    },
  },
  rotateRefreshToken: true,
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  routes: { token: "/iam/oauth/token" },
  ttl: { Grant: 90 * DAY, RefreshToken: 14 * DAY },
});

const client = await provider.Client.find("server");
const tokens = [];
for (let i = 0; i < Number(count); i++) {
  const accountId = `usr_${i}`;
  const grant = new provider.Grant({ accountId, clientId: client.clientId });
  grant.addResourceScope(RESOURCE, SCOPE);
  const token = new provider.RefreshToken({
    accountId,
    client,
    grantId: await grant.save(),
    gty: "authorization_code",
    authTime: Math.floor(Date.now() / 1000),
    resource: RESOURCE,
    scope: `offline_access ${SCOPE}`,
  });
  tokens.push(await token.save());
}
writeFileSync(file, `${tokens.join("\n")}\n`);

const server = provider.listen(0, "127.0.0.1", () =>
  console.log(`listening on http://127.0.0.1:${server.address().port}`),
);
