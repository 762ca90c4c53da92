// The one error class. Callers switch on `code`, which is stable; the message is for people and may change.

/** What the core's problem numbers mean (`problem_code` in src/lib.rs). */
export const PROBLEMS = [
  "signed_out",
  "timeout",
  "network",
  "unavailable",
  "throttled",
  "origin_refused",
  "not_allowed",
  "rejected_again",
  "disposed",
];

const TEMPORARY = new Set(["timeout", "network", "unavailable", "throttled", "wasm_failed", "worker_failed"]);

const MESSAGES = {
  signed_out: "there is no session: the user has to sign in",
  timeout: "the sign-in service did not answer in time",
  network: "the sign-in service could not be reached",
  unavailable: "the sign-in service cannot answer at the moment",
  throttled: "the sign-in service asks for a pause",
  not_allowed: "the sign-in service refuses this request",
  rejected_again: "the API refused the renewed token as well",
  disposed: "this token manager was disposed",
  cookie_not_stored:
    "signed in, but the browser kept no session cookie: the page and the service must share a registrable domain, and the service needs https (or localhost)",
  invalid_credentials: "wrong user name or password",
  redirect_refused: "the API answered with a redirect, which is never followed with a token",
  wasm_missing: "this browser offers no WebAssembly",
  wasm_blocked_by_csp: "the page's content security policy forbids WebAssembly: add 'wasm-unsafe-eval' to script-src",
  wasm_failed: "the WebAssembly module could not be loaded",
};

export class TokenError extends Error {
  constructor(code, { message, cause, retryAfter } = {}) {
    super(message ?? MESSAGES[code], cause === undefined ? undefined : { cause });
    this.name = "TokenError";
    this.code = code;
    this.temporary = TEMPORARY.has(code);
    this.retryAfter = retryAfter;
  }
}
