// `auth.fetch`: the platform's fetch with a token for the addresses in `apis`, and without one for all others.
import { findApi } from "./apis.js";
import { TokenError } from "./errors.js";

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** `acquire(api, signal)` gives `{ token, … }`; `renew(refused, signal)` gives the next one after a 401. */
export function fetchWithToken(settings, { acquire, renew }) {
  return async (input, init) => {
    const { request, url, api, headers } = read(settings.apis, input, init);
    if (!api) return settings.fetch(input, init);

    const signal = init?.signal ?? request?.signal;
    const redirect = init?.redirect ?? request?.redirect;
    const send = async (token, source) => {
      headers.set("authorization", `Bearer ${token}`);
      // Not every browser drops the header when a redirect leads to another origin, and a script cannot see where it
      // leads. So none is followed.
      const response = await settings.fetch(source, { ...init, headers, redirect: "manual" });
      const redirected = response.type === "opaqueredirect" || REDIRECTS.has(response.status);
      if (redirected && redirect !== "manual") throw new TokenError("redirect_refused");
      return response;
    };

    const refused = await acquire(api, signal);
    const retriable = !readOnce(init?.body);
    const spare = request && retriable && init?.body == null ? request.clone() : request;
    const first = await send(refused.token, request ?? url.href);
    if (first.status !== 401) return first;
    if (!retriable) {
      // The body is gone, but the next call should find a better token.
      renew(refused).catch(() => {});
      return first;
    }
    let renewed;
    try {
      renewed = await renew(refused, signal);
    } catch (error) {
      if (error?.code === "rejected_again") return first;
      throw error;
    }
    const second = await send(renewed.token, spare ?? url.href);
    const [answer, other] = second.status === 401 ? [first, second] : [second, first];
    other.body?.cancel().catch(() => {});
    return answer;
  };
}

/** What is asked for; `api` is there if a token belongs to it. */
export function read(apis, input, init) {
  const request = typeof Request === "function" && input instanceof Request ? input : undefined;
  const url = parse(request ? request.url : String(input));
  const headers = new Headers(init?.headers ?? request?.headers);
  // An `Authorization` of the caller's own is left alone.
  const api = url && !headers.has("authorization") ? findApi(apis, url) : undefined;
  return { request, url, api, headers };
}

/** The address as the platform's fetch would read it; undefined for what it would refuse. */
function parse(address) {
  try {
    return new URL(address, globalThis.document?.baseURI ?? globalThis.location?.href);
  } catch {
    return undefined;
  }
}

/** A stream is gone once it has been sent; everything else can be sent again. */
function readOnce(body) {
  return typeof body?.getReader === "function" || typeof body?.[Symbol.asyncIterator] === "function";
}
