// Requests as an attacker or another tool would send them: any header, byte for byte, to 127.0.0.1 with a Host of choice.
import http from "node:http";
import net from "node:net";
import { secrets } from "./secrets.mjs";
import { PASSWORD } from "./stack.mjs";

export const COOKIE = "__Host-Http-sid";

/** One request; header strings are sent as Latin-1 bytes. Resolves with `{ status, headers, setCookies, text, json }`. */
export function send(base, { method = "GET", path = "/", headers = {}, body, host } = {}) {
  const { hostname, port, host: authority } = new URL(base);
  secrets.sent(path, headers, body);
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
        secrets.received(response.headers, text);
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

/** Says `words` byte for byte on a connection of its own; resolves with what comes back first, or with nothing at its end. */
export function say(base, words) {
  return new Promise((resolve) => {
    const socket = net.connect(Number(new URL(base).port), "127.0.0.1", () => socket.write(words, "latin1"));
    socket.once("data", (bytes) => {
      resolve(bytes.toString("latin1"));
      socket.destroy();
    });
    socket.once("error", () => resolve("")).once("close", () => resolve(""));
  });
}

/**
 * Requests whose end two readers may see differently, by name. What one of them takes for the body is to another the
 * beginning of the next request on the connection: somebody else's, where a gateway uses connections for many.
 */
export function smugglings({ host, path, headers = "" }) {
  const next = "GET /iam/smuggled HTTP/1.1\r\nX-Swallows: ";
  const chunk = `${next.length.toString(16)}\r\n${next}\r\n0\r\n\r\n`;
  const [short, long] = ["Content-Length: 4\r\n", `Content-Length: ${5 + next.length}\r\n`];
  const te = "Transfer-Encoding: chunked\r\n";
  const request = (fields, body) => `POST ${path} HTTP/1.1\r\nHost: ${host}\r\n${headers}${fields}\r\n${body}`;
  return {
    "a length, then chunks": request(`${long}${te}`, `0\r\n\r\n${next}`),
    "chunks, then a length": request(`${te}${short}`, chunk),
    "chunks in other letters": request(`${long}tRANSFER-eNCODING: CHUNKED\r\n`, `0\r\n\r\n${next}`),
    "a space before the colon": request(`${long}Transfer-Encoding : chunked\r\n`, `0\r\n\r\n${next}`),
    "an unknown coding": request(`${short}Transfer-Encoding: xchunked\r\n`, chunk),
    "chunks, undone": request(`${short}${te}Transfer-Encoding: identity\r\n`, chunk),
    "chunks behind a lone LF": request(`${long}X: y\n${te}`, `0\r\n\r\n${next}`),
    "chunks behind a lone CR": request(`${long}X: y\r${te}`, `0\r\n\r\n${next}`),
    "chunks on a folded line": request(`${long}Transfer-Encoding:\r\n chunked\r\n`, `0\r\n\r\n${next}`),
    "chunks that are hop by hop": request(`${long}Connection: transfer-encoding\r\n${te}`, `0\r\n\r\n${next}`),
    "a length that is hop by hop": request(`Connection: content-length\r\n${long}`, `0000\n${next}`),
    "two lengths": request(`Content-Length: 5\r\n${long}`, `0000\n${next}`),
  };
}
