import { Clerk } from "@clerk/clerk-js";
import { answerFetches } from "../fake-fetch.js";
import { CLAIMS, jwt } from "../token.js";

export async function setup() {
  const token = jwt({ ...CLAIMS, azp: location.origin, fva: [0, -1], v: 2, sts: "active" });
  const at = Date.now();
  const user = { object: "user", id: "usr_7", email_addresses: [], phone_numbers: [], web3_wallets: [], external_accounts: [], organization_memberships: [], created_at: at, updated_at: at };
  const session = {
    object: "session",
    id: "sess_1",
    status: "active",
    expire_at: at + 86_400_000,
    abandon_at: at + 86_400_000,
    last_active_at: at,
    last_active_token: { object: "token", jwt: token },
    public_user_data: {},
    user,
    created_at: at,
    updated_at: at,
  };
  const client = { object: "client", id: "client_1", sessions: [session], sign_in: null, sign_up: null, last_active_session_id: session.id, created_at: at, updated_at: at };
  const environment = { object: "environment", auth_config: { single_session_mode: true }, display_config: {}, user_settings: {}, organization_settings: {}, maintenance_mode: false };
  answerFetches({ "/environment": environment, "/tokens": { object: "token", jwt: token }, "/client": { response: client } });
  const clerk = new Clerk(`pk_live_${btoa("clerk.example.com$")}`);
  await clerk.load({ standardBrowser: true, telemetry: false });
  return { "await session.getToken()": () => clerk.session.getToken() };
}
