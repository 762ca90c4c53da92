// What crosses between a page and its worker: requests, responses and errors as data that can be cloned.
import { TokenError } from "./errors.js";

/** What `fetch` needs of a request to repeat it elsewhere, besides address, headers and body. */
const PARTS = ["method", "mode", "credentials", "cache", "redirect", "referrerPolicy", "integrity", "keepalive"];

/** Statuses whose responses have no body, not even an empty one. */
const BODILESS = new Set([204, 205, 304]);

/**
 * The request as data, `given` being the body that it was made with, where that is known. The body is read to the end, so
 * a stream goes out as a whole and can be sent again.
 */
export async function packRequest(request, given) {
  const init = Object.fromEntries(PARTS.map((part) => [part, request[part]]));
  init.headers = [...request.headers];
  // By default it would be the worker's script.
  init.referrer = request.referrer === "about:client" ? location.href : request.referrer;
  // WebKit reads no file back out of a form. Made anew it has another boundary, which the header is to name.
  if (given instanceof FormData) {
    init.headers = init.headers.filter(([name]) => name !== "content-type");
    return { url: request.url, init, form: [...given] };
  }
  const body = await request.blob();
  if (body.size > 0) init.body = body;
  return { url: request.url, init };
}

/** What of {@link packRequest} goes into `fetch`. */
export function unpackRequest({ url, init, form }) {
  if (!form) return [url, init];
  const body = new FormData();
  for (const [name, value] of form) body.append(name, value);
  return [url, { ...init, body }];
}

/** The response as data, what of it is transferred, and `sent`, which settles once all of its body has gone over. */
export async function packResponse(response) {
  const { status, statusText, url, redirected, type, body } = response;
  const data = { status, statusText, url, redirected, type, headers: [...response.headers], body };
  let transfer = [];
  let sent;
  if (body) {
    if (streamsCross()) {
      const { readable, writable } = new TransformStream();
      sent = body.pipeTo(writable).catch(() => {});
      data.body = readable;
    } else {
      data.body = await response.arrayBuffer();
    }
    transfer = [data.body];
  }
  return { data, transfer, sent };
}

export function unpackResponse({ status, statusText, headers, body, ...facts }) {
  // The answer to a redirect that is not followed has the status 0, which no constructor takes.
  const made = status >= 200 ? { status, statusText, headers } : { headers };
  if (status < 200) Object.assign(facts, { status, ok: false });
  return dress(new Response(BODILESS.has(status) ? null : body, made), facts);
}

/** Gives a response what its constructor does not take. */
function dress(response, facts) {
  for (const [name, value] of Object.entries(facts)) Object.defineProperty(response, name, { value });
  const clone = () => dress(Response.prototype.clone.call(response), facts);
  return Object.defineProperty(response, "clone", { value: clone });
}

export function packError(error) {
  if (!(error instanceof TokenError)) return { error: plain(error) };
  const { code, message, cause, retryAfter } = error;
  return { code, message, cause: plain(cause), retryAfter };
}

export function unpackError({ error, code, ...more }) {
  return code === undefined ? error : new TokenError(code, more);
}

/** The value, or what there is to say about it if it cannot be cloned. */
function plain(value) {
  try {
    return structuredClone(value);
  } catch {
    return new Error(String(value));
  }
}

/** Whether this engine hands a stream over. */
function streamsCross() {
  try {
    const stream = new ReadableStream();
    structuredClone(stream, { transfer: [stream] });
    return true;
  } catch {
    return false;
  }
}
