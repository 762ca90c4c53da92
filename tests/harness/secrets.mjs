// The secrets that pass through a service in a test file, and the search for them in what it keeps: nothing that it was sent or
// has handed out may be in its database or its log, whole or in part, in whatever form.
//
// The search for the tests in Rust is crates/iam/src/testing/secrets.rs.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Fields of forms and of JSON, and the kind of secret in them. */
const FIELDS = {
  password: "password",
  current_password: "password",
  new_password: "password",
  client_secret: "client secret",
  secret: "client secret",
  client_assertion: "client assertion",
  code: "authorization code",
  code_verifier: "code verifier",
  refresh_token: "refresh token",
  access_token: "access token",
  id_token: "ID token",
  id_token_hint: "ID token",
  token: "token",
  subject_token: "token",
  actor_token: "token",
};

/** What is shorter than that may be anywhere. */
const SHORTEST = 9;
/** Part of a secret that nobody hits by chance: each such part is searched for. */
const PIECE = 12;

export class Secrets {
  /** By secret, its kind. */
  #known = new Map();

  add(kind, secret) {
    if (!this.#known.has(secret)) this.#known.set(secret, kind);
  }

  /** Those of a request; `headers` as Node has them. */
  sent(address, headers = {}, body = "") {
    this.#address(address);
    for (const [name, value] of fields(headers)) {
      if (name === "cookie") value.split(";").forEach((pair) => this.#cookie(pair));
      if (name === "authorization") this.#authorization(value);
    }
    this.#body(String(body));
  }

  /** Those of an answer. */
  received(headers = {}, body = "") {
    for (const [name, value] of fields(headers)) {
      if (name === "set-cookie") this.#cookie(value.split(";")[0]);
      if (name === "location") this.#address(value);
    }
    this.#body(String(body));
  }

  #address(address) {
    const [path, query = ""] = address.split("#")[0].split("?");
    const handle = path.split("/interactions/")[1];
    if (handle) this.add("interaction handle", handle);
    for (const [name, value] of new URLSearchParams(query)) {
      if (name === "id") this.add("interaction handle", value);
      this.#field(name, value);
    }
  }

  #cookie(pair) {
    const [, name, value] = /^\s*([^=]*)=(.*?)\s*$/.exec(pair) ?? [];
    if (name?.startsWith("__Host-Http-")) this.add("cookie", value);
  }

  #authorization(value) {
    const [scheme, credentials = ""] = value.split(" ");
    if (scheme === "Bearer") this.add("access token", credentials);
    if (scheme !== "Basic") return;
    const [, secret] = /:(.*)$/.exec(Buffer.from(credentials, "base64").toString()) ?? [];
    if (secret === undefined) return;
    this.add("client secret", secret);
    // It may be encoded as in a form.
    this.add("client secret", new URLSearchParams(`secret=${secret}`).get("secret"));
  }

  #body(body) {
    for (const [secret] of body.matchAll(/\bsms_[\w-]{20,}/g)) this.add("client secret", secret);
    try {
      return this.#json(JSON.parse(body));
    } catch {
      for (const [name, value] of new URLSearchParams(body)) this.#field(name, value);
    }
  }

  #json(value) {
    for (const [name, inner] of Object.entries(value ?? {})) {
      if (typeof inner === "object") this.#json(inner);
      else if (typeof inner !== "string") continue;
      else if (name === "location") this.#address(inner);
      // Of a problem, `code` says which one it is.
      else if (name !== "code") this.#field(name, inner);
    }
  }

  #field(name, value) {
    if (Object.hasOwn(FIELDS, name)) this.add(FIELDS[name], value);
  }

  /** The kinds of secrets that are in some bytes. */
  foundIn(bytes) {
    const text = Buffer.from(bytes).toString("latin1");
    const [pieces, short, found] = [new Map(), [], new Set()];
    for (const [secret, kind] of this.#known) {
      for (const form of forms(secret)) {
        if (form.length < PIECE) short.push([form, kind]);
        for (let at = 0; at + PIECE <= form.length; at += PIECE) pieces.set(form.slice(at, at + PIECE), kind);
      }
    }
    for (const [form, kind] of short) if (text.includes(form)) found.add(kind);
    for (const piece of pieces.keys()) if (isPlain(piece)) pieces.delete(piece);
    for (let at = 0; at + PIECE <= text.length; at += 1) {
      const kind = pieces.get(text.slice(at, at + PIECE));
      if (kind) found.add(kind);
    }
    return found;
  }

  /** Fails when one is in the databases of a folder, or in the lines of a log. */
  check(folder, lines) {
    const files = readdirSync(folder).filter((name) => name.includes(".db"));
    const places = [["the log", lines.join("\n")], ...files.map((name) => [name, readFileSync(join(folder, name))])];
    const found = places.flatMap(([place, bytes]) => [...this.foundIn(bytes)].map((kind) => `${kind} in ${place}`));
    assert.deepEqual(found, [], "secrets were kept");
  }
}

/** Those of this test file. */
export const secrets = new Secrets();

function fields(headers) {
  return Object.entries(headers).flatMap(([name, values]) => [values].flat().map((value) => [name.toLowerCase(), String(value)]));
}

/** Without what is not secret: of a signed token the signature is, and of a refresh token not which one it is. */
function secretPart(text) {
  const parts = text.split(".");
  if (text.startsWith("eyJ") && parts.length === 3) return parts[2];
  return text.startsWith("smr_") ? text.slice(36) : text;
}

/** How it may be written; bytes as Latin-1 text. */
function forms(text) {
  const secret = secretPart(text);
  if (secret.length < SHORTEST) return [];
  const bytes = Buffer.from(secret);
  const query = encodeURIComponent(secret);
  const written = [secret, JSON.stringify(secret).slice(1, -1), query, query.replaceAll("%20", "+"), ...encodings(bytes)];
  const decoded = Buffer.from(secret, "base64url");
  if (decoded.length >= PIECE && decoded.toString("base64url") === secret) {
    written.push(decoded.toString("latin1"), ...encodings(decoded));
  }
  return [...new Set(written.map((form) => Buffer.from(form, "latin1").toString("latin1")))];
}

/** In hex, as numbers, and as base64 wherever in the encoded text it begins. */
function encodings(bytes) {
  const hex = bytes.toString("hex");
  const groups = [0, 1, 2].map((skipped) => bytes.subarray(skipped, skipped + Math.floor((bytes.length - skipped) / 3) * 3));
  const base64 = groups.flatMap((group) => [group.toString("base64"), group.toString("base64url")]);
  return [hex, hex.toUpperCase(), [...bytes].join(", "), ...base64].filter((form) => form.length >= SHORTEST);
}

/** Of a few characters that repeat, as what is made up for a test may be and a database is full of. */
function isPlain(piece) {
  return new Set(piece).size < 5;
}
