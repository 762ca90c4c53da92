// better-auth with its jwt plugin on SQLite: `GET /api/auth/token` turns a session cookie into a JWT.
//
// node better-auth.mjs default|tuned DATABASE COOKIES
// Writes one `Cookie` header a line to the file COOKIES, then serves on a free port and prints `listening on ADDRESS`.

import { createServer } from "node:http";
import { writeFileSync } from "node:fs";

import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { jwt } from "better-auth/plugins";
import Database from "better-sqlite3";

const [mode, file, cookies] = process.argv.slice(2);
const tuned = mode === "tuned";
const SESSIONS = 64;

const database = new Database(file);
database.pragma("journal_mode = WAL");

// Tuned: the session is in a signed cookie and no row is read, the key set is held in memory, and the private key needs
// no decryption. Rate limits and logs are off in both, as a limit of 100 requests would end the run.
let held;
const keys = {
  disablePrivateKeyEncryption: true,
};
const adapter = {
  getJwks: async (ctx) => (held ??= await ctx.context.adapter.findMany({ model: "jwks" })),
  createJwk: async (key, ctx) => {
    held = undefined;
    return ctx.context.adapter.create({ model: "jwks", data: { ...key, createdAt: new Date() } });
  },
};
const options = {
  baseURL: "http://127.0.0.1",
  secret: "no secret, only for this measurement: 0123456789",
  database,
  logger: { disabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  emailAndPassword: {
    enabled: true,
    // Only while the sessions are made; what is measured hashes nothing.
    password: { hash: async (password) => password, verify: async ({ hash, password }) => hash === password },
  },
  session: tuned ? { cookieCache: { enabled: true, maxAge: 3600 } } : {},
  plugins: [jwt(tuned ? { jwks: keys, adapter } : {})],
};

await (await getMigrations(options)).runMigrations();
const auth = betterAuth(options);

const lines = [];
for (let i = 0; i < SESSIONS; i++) {
  const { headers } = await auth.api.signUpEmail({
    body: { name: `user ${i}`, email: `user${i}@example.com`, password: "only for this measurement" },
    returnHeaders: true,
  });
  lines.push(headers.getSetCookie().map((cookie) => cookie.split(";")[0]).join("; "));
}
writeFileSync(cookies, lines.join("\n"));

const server = createServer(toNodeHandler(auth));
server.listen(0, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
