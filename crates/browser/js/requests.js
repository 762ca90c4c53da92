// The three requests to the sign-in service, and what can be said about their answers.
import { TokenError } from "./errors.js";

const LOGIN_TIMEOUT = 30_000;
const LOGOUT_TIMEOUT = 10_000;
/** The look whether the service is there at all is not repeated within this time. */
const LOOK_AGAIN = 30_000;

export function createRequests(settings) {
  const { iam, clock } = settings;
  /** The service has answered this origin readably, so a later failure is the network's. */
  let proven = false;
  let looked = { at: -Infinity, refused: false };

  const send = async (path, init) => {
    const response = await settings.fetch(iam + path, {
      method: "POST",
      mode: "cors",
      credentials: "include",
      cache: "no-store",
      redirect: "error",
      referrerPolicy: "no-referrer",
      ...init,
    });
    proven = true;
    return response;
  };

  /**
   * A refused origin cannot read the refusal: to a script it looks like a dead network. The public keys are open to
   * every origin, so if they can be read it is not the network.
   */
  const originRefused = async (signal) => {
    if (proven || typeof location === "undefined" || globalThis.navigator?.onLine === false) return false;
    const at = clock.monotonic();
    if (at - looked.at < LOOK_AGAIN) return looked.refused;
    looked = { at, refused: false };
    try {
      const init = { credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer", signal };
      looked.refused = (await settings.fetch(`${iam}/.well-known/jwks.json`, init)).ok;
    } catch {
      // Not reachable: the network's fault.
    }
    return looked.refused;
  };

  const refusedOriginError = (cause) =>
    new TokenError("origin_refused", {
      message:
        `the sign-in service is there but does not allow the origin ${location.origin}: ` +
        `add it to a browser client (sessionmint client set ID --add-origin ${location.origin})`,
      cause,
    });

  /** Sends a request with a time limit; a failure becomes a TokenError, or the caller's own abort reason. */
  const call = async (path, init, timeout, signal) => {
    signal?.throwIfAborted();
    const abort = new AbortController();
    const forward = () => abort.abort(signal.reason);
    signal?.addEventListener("abort", forward);
    const timer = clock.setTimeout(() => abort.abort(new TokenError("timeout")), timeout);
    try {
      const response = await send(path, { ...init, signal: abort.signal });
      return { response, body: await readJson(response) };
    } catch (error) {
      if (abort.signal.aborted) throw abort.signal.reason;
      throw (await originRefused(abort.signal)) ? refusedOriginError(error) : new TokenError("network", { cause: error });
    } finally {
      clock.clearTimeout(timer);
      signal?.removeEventListener("abort", forward);
    }
  };

  return {
    refusedOriginError,

    /**
     * One mint: a CORS-simple request, so without a preflight. Never rejects. The result has `token` and its lifetimes,
     * or `status` and what the body said, or neither when nothing readable came; the latter two with a `cause`.
     */
    async mint({ resource, scope }, idleFor, signal) {
      const body = new URLSearchParams({ grant_type: "session", idle_for: idleFor });
      if (settings.clientId !== undefined) body.set("client_id", settings.clientId);
      if (resource !== undefined) body.set("resource", resource);
      if (scope !== undefined) body.set("scope", scope);
      try {
        const response = await send("/oauth/token", { body, signal });
        const answer = await readJson(response);
        if (response.status === 200 && isToken(answer)) {
          return {
            token: answer.access_token,
            scope: answer.scope,
            expiresIn: answer.expires_in,
            sessionExpiresIn: answer.session_expires_in,
          };
        }
        return {
          status: response.status,
          error: answer?.error,
          description: answer?.error_description,
          cause: { status: response.status, error: answer?.error },
          retryAfter: retryAfter(response, clock.now()),
        };
      } catch (cause) {
        const refused = !signal.aborted && (await originRefused(signal));
        return { cause, originRefused: refused };
      }
    },

    async login({ username, password, staySignedIn }, signal) {
      const body = JSON.stringify({ username, password, ...(staySignedIn ? { stay_signed_in: true } : {}) });
      const init = { headers: { "content-type": "application/json" }, body };
      const answer = await call("/passwordlogin", init, LOGIN_TIMEOUT, signal);
      if (answer.response.status === 401) throw new TokenError("invalid_credentials");
      if (!answer.response.ok) throw problem(answer, clock.now());
      return answer.body?.user;
    },

    async logout() {
      const answer = await call("/logout", { keepalive: true }, LOGOUT_TIMEOUT);
      if (!answer.response.ok) throw problem(answer, clock.now());
    },
  };
}

/** The body as JSON; undefined when it is none. A connection that breaks midway still throws. */
async function readJson(response) {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isToken(answer) {
  const seconds = (value) => Number.isSafeInteger(value) && value >= 0;
  return (
    typeof answer?.access_token === "string" &&
    answer.access_token !== "" &&
    String(answer.token_type).toLowerCase() === "bearer" &&
    seconds(answer.expires_in) &&
    seconds(answer.session_expires_in)
  );
}

/** `Retry-After` in milliseconds, from seconds or an HTTP date; -1 for none. */
function retryAfter(response, now) {
  const value = response.headers.get("retry-after");
  if (value === null) return -1;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? -1 : Math.max(0, at - now);
}

/** The error for an answer that is none of the expected ones. */
function problem({ response, body }, now) {
  const { status } = response;
  const wait = retryAfter(response, now);
  const code = status === 429 ? "throttled" : status >= 400 && status < 500 ? "not_allowed" : "unavailable";
  return new TokenError(code, {
    message: body?.detail ?? body?.title,
    cause: { status, ...(body?.type ? { type: body.type } : {}) },
    retryAfter: wait < 0 ? undefined : Math.ceil(wait / 1000),
  });
}
