// The npm package's types, used as an app would use them. Compiled only.
import { createTokenManager, TokenError, type TokenErrorCode, type TokenManager, type User } from "../../crates/browser/pkg/index.js";
import * as external from "../../crates/browser/pkg/external.js";
import * as compat from "../../crates/browser/pkg/compat.js";
import * as isolated from "../../crates/browser/pkg/isolated.js";
import * as slim from "../../crates/browser/pkg/slim.js";
import type { WasmSource } from "../../crates/browser/pkg/slim.js";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Equal<A, B>): void {}

const auth: TokenManager = createTokenManager({
  iam: new URL("https://api.example.com/iam"),
  apis: ["https://api.example.com", new URL("https://other.example.com"), { url: "https://a.example.com", resource: "r", scope: "s" }],
  clientId: "web",
  activity: "calls",
  fetch,
});
createTokenManager({ iam: "https://api.example.com/iam", apis: ["https://api.example.com"] as const, tabs: false, fetch: window.fetch });

const signal = new AbortController().signal;
export const token: string = await auth.getToken({ signal, resource: "r", scope: "a b" });
same<ReturnType<TokenManager["peek"]>, string | undefined>(true);
export const answer: Response = await auth.fetch(new Request("/notes"), { method: "POST", signal });
// It stands in wherever a fetch is asked for.
export const standIn: typeof fetch = auth.fetch;
const { user } = await auth.login({ username: "alice", password: "x", staySignedIn: true, signal });
same<typeof user, User>(true);
await auth.logout();

const off: () => void = auth.on("renewed", ({ cause, expiresAt, scope, ...event }) => {
  same<typeof cause, "caller" | "ahead" | "rejected" | "background" | "restored" | "peer">(true);
  same<typeof expiresAt, number>(true);
  same<typeof scope, string | undefined>(true);
  // @ts-expect-error no event carries a token
  event.token;
});
off();
auth.on("signedin", ({ cause }) => same<typeof cause, "caller" | "peer">(true));
auth.on("signedout", ({ reason }) => same<typeof reason, "no_session" | "session_ended" | "logout" | "elsewhere">(true));
auth.on("degraded", ({ code, retryAfter }) => {
  same<typeof code, TokenErrorCode>(true);
  same<typeof retryAfter, number | undefined>(true);
});
auth.on("ending", ({ secondsLeft }) => same<typeof secondsLeft, number>(true));
same<TokenManager["state"], "unknown" | "signedin" | "signedout" | "disposed">(true);

try {
  using scoped = createTokenManager({ iam: "https://api.example.com/iam" });
  await scoped.getToken();
} catch (error) {
  if (error instanceof TokenError && error.temporary) {
    const wait: number | undefined = error.retryAfter;
    switch (error.code) {
      case "timeout":
        throw wait;
      // @ts-expect-error there is no such code
      case "oops":
    }
  }
}

// The other entries.
external.createTokenManager({ iam: "https://api.example.com/iam" }) satisfies TokenManager;
same<typeof external.TokenError, typeof TokenError>(true);
same<typeof slim.TokenError, typeof TokenError>(true);
compat.createTokenManager({ iam: "https://api.example.com/iam" }) satisfies TokenManager;
same<typeof compat.TokenError, typeof TokenError>(true);
declare const bytes: Uint8Array<ArrayBuffer>;
for (const wasm of ["/a.wasm", new URL("https://a.example.com/a.wasm"), new Response(), bytes, bytes.buffer, new WebAssembly.Module(bytes)]) {
  slim.createTokenManager({ iam: "https://api.example.com/iam", wasm });
  slim.createTokenManager({ iam: "https://api.example.com/iam", wasm: () => wasm });
}
const manager: TokenManager = slim.createTokenManager({ iam: "https://api.example.com/iam", wasm: () => fetch("/a.wasm") });
slim.createTokenManager({ iam: "https://api.example.com/iam", wasm: "/a.wasm", fallback: () => import("../../crates/browser/pkg/fallback.js") });
// @ts-expect-error it has to be told where the module is
slim.createTokenManager({ iam: "https://api.example.com/iam" });
// @ts-expect-error only the slim entry asks for the module
createTokenManager({ iam: "https://api.example.com/iam", wasm: "/a.wasm" });
const waiting: WasmSource = "/a.wasm";
const apart = isolated.createTokenManager({ iam: "https://api.example.com/iam", isolate: "worker", worker: () => new Worker("/w.js") });
export const calls: typeof fetch = apart.fetch;
same<typeof isolated.TokenError, typeof TokenError>(true);
// @ts-expect-error the page has no token
apart.getToken();
// @ts-expect-error and none at hand
apart.peek();
// @ts-expect-error it has to be asked for
isolated.createTokenManager({ iam: "https://api.example.com/iam" });
// @ts-expect-error a function cannot cross into the worker
isolated.createTokenManager({ iam: "https://api.example.com/iam", isolate: "worker", fetch });
export { manager, waiting };

// @ts-expect-error the service's address is required
createTokenManager({});
// @ts-expect-error there is no such event
auth.on("signedOut", () => {});
// @ts-expect-error what is known about the session cannot be set
auth.state = "signedin";
// @ts-expect-error only the package makes errors
new TokenError();
