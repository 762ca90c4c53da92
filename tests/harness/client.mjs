// Requests as an attacker or another tool would send them: any header, byte for byte, to 127.0.0.1 with a Host of choice.
import http from "node:http";
import { PASSWORD } from "./stack.mjs";

export const COOKIE = "__Host-Http-sid";

/** One request; header strings are sent as Latin-1 bytes. Resolves with `{ status, headers, setCookies, text, json }`. */
export function send(base, { method = "GET", path = "/", headers = {}, body, host } = {}) {
  const { hostname, port, host: authority } = new URL(base);
  return new Promise((resolve, reject) => {
    const request = http.request({
      hostname: hostname.endsWith(".localhost") ? "127.0.0.1" : hostname,
      port,
      method,
      path,
      agent: false,
      headers: { host: host ?? authority, ...headers, ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }) },
    });
    request.once("error", reject);
    request.once("response", (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.once("error", reject);
      response.once("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        let json;
        try {
          json = JSON.parse(text);
        } catch {
          json = undefined;
        }
        resolve({ status: response.statusCode, headers: response.headers, setCookies: response.headers["set-cookie"] ?? [], text, json });
      });
    });
    request.end(body);
  });
}

/** The session grant exactly as the browser module sends it. */
export function mint(api, { origin, cookie, form = "grant_type=session", headers = {} }) {
  return send(api, {
    method: "POST",
    path: "/iam/oauth/token",
    body: form,
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      ...(origin === undefined ? {} : { origin }),
      ...(cookie === undefined ? {} : { cookie }),
      ...headers,
    },
  });
}

/** A sign-in; `session` in the result is the cookie's value. */
export async function login(api, { origin, username, password = PASSWORD, headers = {} }) {
  const answer = await send(api, {
    method: "POST",
    path: "/iam/passwordlogin",
    body: JSON.stringify({ username, password }),
    headers: { "content-type": "application/json", origin, ...headers },
  });
  const match = /^__Host-Http-sid=([^;]*)/.exec(answer.setCookies[0] ?? "");
  return { ...answer, session: match?.[1] || undefined };
}
