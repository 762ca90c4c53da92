// The sign-in service for tests, as a function that stands in for `fetch`: one browser's cookie jar with at most one
// session in it, sign-in, mints, sign-out, the signed-in user, and the app's APIs behind the same function. What an
// endpoint does in place of its job can be scripted.

const ALICE = Object.freeze({ id: "usr_1", username: "alice" });
const BEARER = { "www-authenticate": 'Bearer error="invalid_token"' };
/** With less than this left, in seconds, a session gives no token any more. */
const LEAST = 5;
const platformClock = { now: () => Date.now(), setTimeout: (callback, delay) => setTimeout(callback, delay) };
const FAILURES = ["hang", "network", "origin_refused", "session_ended"];

export function createFakeIam({
  iam = "https://api.example.com/iam",
  user = ALICE,
  passwords,
  tokenLifetime = 300,
  sessionLifetime = 86_400,
  idleLifetime = 3_600,
  scope = "api",
  token = jwt,
  api = answerBearer,
  clock = platformClock,
} = {}) {
  const base = new URL(iam).href.replace(/\/+$/, "");
  const requests = [];
  /** Token → `{ user, claims }`. */
  const issued = new Map();
  const ids = new Map([[ALICE.username, ALICE.id]]);
  let session;
  let sessions = 0;
  let tokens = 0;
  let underWay = 0;
  /** The last mint found no network, so the look at the public keys that may follow finds none either. */
  let cut = false;

  const now = () => clock.now() / 1000;

  function signIn(who = ALICE) {
    const at = now();
    session = { id: `ses_${++sessions}`, user: who, started: at, ends: at + sessionLifetime, active: at };
  }

  /** The session, if it has not ended by now. */
  function live() {
    const over = session && (session.ends - now() < LEAST || now() - session.active > idleLifetime);
    if (over) session = undefined;
    return session;
  }

  function mint({ form }, { expiresIn = tokenLifetime, sessionExpiresIn }) {
    if (form.get("grant_type") !== "session") return refusal(400, "unsupported_grant_type");
    const idleFor = form.get("idle_for");
    if (idleFor !== null && !/^\d+$/.test(idleFor)) return refusal(400, "invalid_request");
    if (!live()) return refusal(401, "login_required", { "www-authenticate": "Session" });
    if (idleFor !== null) session.active = Math.max(session.active, now() - idleFor);
    const left = session.ends - now();
    const claims = {
      iss: base,
      sub: session.user.id,
      aud: form.get("resource") ?? new URL(base).origin,
      exp: Math.floor(now() + Math.min(expiresIn, left)),
      iat: Math.floor(now()),
      jti: `tok_${++tokens}`,
      client_id: form.get("client_id") ?? "app",
      sid: session.id,
      auth_time: Math.floor(session.started),
      scope: form.get("scope") ?? scope,
    };
    const made = token(claims, tokens);
    issued.set(made, { user: session.user, claims });
    return json(200, {
      access_token: made,
      token_type: "Bearer",
      expires_in: Math.floor(Math.min(expiresIn, left)),
      scope: claims.scope,
      session_expires_in: sessionExpiresIn ?? Math.floor(left),
    });
  }

  function login({ body }) {
    const { username, password } = JSON.parse(body);
    if (passwords && !(Object.hasOwn(passwords, username) && passwords[username] === password)) {
      return json(401, { title: "wrong user name or password" });
    }
    if (!ids.has(username)) ids.set(username, `usr_${ids.size + 1}`);
    signIn({ id: ids.get(username), username });
    return json(200, { user: session.user });
  }

  function logout() {
    session = undefined;
    return new Response(null, { status: 204 });
  }

  function userinfo({ bearer }) {
    if (!bearer) return new Response(null, { status: 401, headers: BEARER });
    return json(200, { sub: bearer.user.id, preferred_username: bearer.user.username });
  }

  const scripts = { mint: createScript(), login: createScript(), logout: createScript() };
  const endpoints = {
    "POST /oauth/token": { serve: mint, script: scripts.mint },
    "POST /passwordlogin": { serve: login, script: scripts.login },
    "POST /logout": { serve: logout, script: scripts.logout },
    "GET /userinfo": { serve: userinfo },
    "GET /.well-known/jwks.json": { serve: () => (cut ? unreachable() : json(200, { keys: [] })) },
  };

  /** What the service knows of the token that came along; undefined for none, and for one that is no good now. */
  function bearerOf(request) {
    const found = issued.get(request.headers.get("authorization")?.replace(/^Bearer /, ""));
    return found && now() < found.claims.exp ? found : undefined;
  }

  /** Waits for what is not this function's work. */
  async function pause(promise) {
    underWay--;
    try {
      return await promise;
    } finally {
      underWay++;
    }
  }

  async function answer(request) {
    const { url, method, headers } = request;
    const body = request.body ? await request.clone().text() : undefined;
    const seen = { method, url, headers: Object.fromEntries(headers), body };
    requests.push(seen);
    const bearer = bearerOf(request);
    if (!url.startsWith(`${base}/`)) return pause(api(request, bearer));
    const endpoint = endpoints[`${method} ${url.slice(base.length)}`];
    if (!endpoint) return json(404, { title: "there is no such endpoint" });
    const { serve, script } = endpoint;
    const fault = read(await pause(script?.draw(seen)));
    if (fault.delay) await pause(new Promise((resolve) => clock.setTimeout(resolve, fault.delay)));
    if (script === scripts.mint) cut = fault.fail === "network";
    if (fault.fail === "hang") return pause(new Promise(() => {}));
    if (fault.fail === "network" || fault.fail === "origin_refused") return unreachable();
    if (fault.fail === "session_ended") session = undefined;
    if (fault.status === undefined && fault.body === undefined) {
      return serve({ bearer, body, form: new URLSearchParams(body) }, fault);
    }
    return scripted(fault);
  }

  /** Stands in for `fetch`: a request that is aborted rejects, whatever becomes of its answer. */
  async function fetch(input, { signal = input.signal, ...init } = {}) {
    signal?.throwIfAborted();
    // Without the signal: in a test's page it may be of another kind than `Request` takes.
    const source = input instanceof Request ? input : new URL(input, globalThis.location?.href);
    const request = new Request(source, init);
    return new Promise((resolve, reject) => {
      const leave = () => reject(signal.reason);
      signal?.addEventListener("abort", leave);
      underWay++;
      answer(request)
        .finally(() => {
          underWay--;
          signal?.removeEventListener("abort", leave);
        })
        .then(resolve, reject);
    });
  }

  if (user) signIn(user);
  const { mint: mints, login: logins, logout: logouts } = scripts;
  return Object.freeze({
    url: base,
    fetch,
    mint: mints.handle,
    login: logins.handle,
    logout: logouts.handle,
    requests,
    signIn,
    endSession: () => void (session = undefined),
    refuseTokens: () => issued.clear(),
    get user() {
      return live()?.user;
    },
    get underWay() {
      return underWay;
    },
  });
}

/** What an endpoint does in place of its job: first what is said for the next requests, then what is said for all. */
function createScript() {
  const queue = [];
  let standing;
  let count = 0;
  const handle = Object.freeze({
    next: (...faults) => void queue.push(...faults.map(checked)),
    always: (fault) => void (standing = checked(fault)),
    get count() {
      return count;
    },
  });
  return {
    handle,
    async draw(request) {
      count++;
      const fault = queue.length > 0 ? queue.shift() : standing;
      return typeof fault === "function" ? fault(request, count) : fault;
    },
  };
}

/** A mistake in a script is told where it is made. */
function checked(fault) {
  if (typeof fault !== "function") read(fault);
  return fault;
}

/** A word stands for `{ fail: word }`. */
function read(fault) {
  const { fail, ...rest } = typeof fault === "string" ? { fail: fault } : (fault ?? {});
  if (fail !== undefined && !FAILURES.includes(fail)) {
    throw new TypeError(`there is no failure ${JSON.stringify(fail)}; there are ${FAILURES.join(", ")}`);
  }
  return { fail, ...rest };
}

function scripted({ status = 200, headers, retryAfter, error, body = error ? { error } : "" }) {
  const answer = json(status, body, headers);
  if (retryAfter !== undefined) answer.headers.set("retry-after", String(retryAfter));
  return answer;
}

function json(status, body, headers) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  // Some statuses take no body, not even an empty one.
  return new Response(text === "" ? null : text, { status, headers: { "content-type": "application/json", ...headers } });
}

function refusal(status, error, headers) {
  return json(status, { error }, headers);
}

/** As a browser says it, whatever the reason. */
function unreachable() {
  return Promise.reject(new TypeError("Failed to fetch"));
}

function answerBearer(_request, bearer) {
  return bearer ? json(200, {}) : new Response(null, { status: 401, headers: BEARER });
}

/** In the shape of the service's tokens; nobody could have signed it. */
function jwt(claims) {
  const part = (value) => {
    const ascii = JSON.stringify(value).replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
    return btoa(ascii).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  };
  return `${part({ alg: "ES256", typ: "at+jwt", kid: "fake" })}.${part(claims)}.${"not-a-signature".padEnd(86, "-")}`;
}
