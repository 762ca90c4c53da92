// The adapters' types, used as apps would use them. Compiled only, with the types of React 19 and of React 18.
import axios from "axios";
import type { ReactElement } from "react";
import { createTokenManager, type TokenError, type TokenManager, type User } from "sessionmint";
import { attachAuth, tokenError } from "sessionmint/axios";
import { AuthProvider, useAuth } from "sessionmint/react";
import { createSession, type Session, type SessionError } from "sessionmint/session";
import { sessionStore } from "sessionmint/svelte";
import { createFakeIam, createTestAuth, createVirtualClock, type Fault, type VirtualClock } from "sessionmint/testing";
import * as vueAdapter from "sessionmint/vue";
import { get, type Readable } from "svelte/store";
import { type ComputedRef, createApp } from "vue";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Equal<A, B>): void {}

interface Profile extends User {
  email: string;
}

const auth: TokenManager = createTokenManager({ iam: "https://api.example.com/iam" });
const loadUser = async (given: TokenManager): Promise<Profile> => (await given.fetch("/me")).json();

// What all of them give.
const store = createSession(auth, { loadUser, ask: false });
same<(typeof store)["value"], Session<Profile>>(true);
same<(typeof store)["value"]["status"], TokenManager["state"]>(true);
same<(typeof store)["value"]["error"], SessionError | undefined>(true);
export const off: () => void = store.subscribe(({ user }) => same<typeof user, Profile | undefined>(true));
const plain = createSession(auth);
same<(typeof plain)["value"]["user"], User | undefined>(true);
export const trouble = (error: TokenError): SessionError => error;
// @ts-expect-error what is known cannot be set
store.value = undefined;
// @ts-expect-error nor its parts
store.value.status = "signedin";

// React.
function Page(): ReactElement {
  const { status, user, error, auth, login, logout, check } = useAuth<Profile>();
  same<typeof status, "unknown" | "signedin" | "signedout" | "disposed">(true);
  same<typeof auth, TokenManager>(true);
  void login({ username: "alice", password: "x" }).then(({ user }) => same<typeof user, User>(true));
  return (
    <p onClick={() => void logout().then(check)}>
      {user?.email} {error?.code}
    </p>
  );
}
export function Name(): ReactElement {
  const { user } = useAuth();
  same<typeof user, User | undefined>(true);
  return <>{user?.username}</>;
}
export const app = (
  <AuthProvider auth={auth} loadUser={loadUser} ask={false}>
    <Page />
  </AuthProvider>
);
// @ts-expect-error the manager is required
export const none = <AuthProvider />;

// Vue.
createApp({}).use(vueAdapter.createAuth(auth, { loadUser }));
createApp({}).use(vueAdapter.createAuth(auth));
const refs = vueAdapter.useAuth<Profile>();
same<typeof refs.user, ComputedRef<Profile | undefined>>(true);
// @ts-expect-error a ref that cannot be set
refs.status.value = "signedin";

// Svelte.
const session = sessionStore(auth, { loadUser });
session satisfies Readable<Session<Profile>>;
same<ReturnType<typeof get<Session<Profile>>>, Session<Profile>>(true);
get(session).user?.email satisfies string | undefined;

// axios: an instance and the default one.
export const detach: () => void = attachAuth(axios, auth);
attachAuth(axios.create(), auth);
same<ReturnType<typeof tokenError>, TokenError | undefined>(true);

// Tests.
using test = createTestAuth({ user: null, passwords: { alice: "x" }, tokenLifetime: 5, apis: ["https://a.example.com"], now: new Date(0) });
test.auth satisfies TokenManager;
test.iam.mint.next("hang", { status: 429, retryAfter: 3 }, { delay: 2_000, fail: "network" }, { expiresIn: 5 }, undefined);
test.iam.mint.always(async ({ url, body }, count) => (url && body && count > 1 ? "session_ended" : undefined));
same<ReturnType<VirtualClock["pass"]>, Promise<void>>(true);
createTokenManager({ iam: "https://api.example.com/iam", fetch: createFakeIam().fetch, clock: createVirtualClock() });
createFakeIam({ api: (request, bearer) => Response.json({ url: request.url, user: bearer?.user.username, sub: bearer?.claims.sub }) });
// @ts-expect-error the fake brings its own
createTestAuth({ fetch });
// @ts-expect-error there is no such failure
export const fault: Fault = { fail: "explode" };
