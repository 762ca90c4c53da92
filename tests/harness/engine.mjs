// The engine that a run is for, and where pages and APIs are to it.
//
// Chromium and Firefox take a loopback host below `localhost` for secure. WebKit keeps `Secure` cookies over TLS only, and
// takes hosts below `localhost` for different sites: it gets TLS, and names whose site is known, which never leave this machine.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const ENGINES = { chromium: "Chromium", firefox: "Firefox", webkit: "WebKit" };
export const engine = process.env.BROWSER ?? "chromium";
if (!(engine in ENGINES)) throw new Error(`no engine is called ${engine}; there are ${Object.keys(ENGINES).join(", ")}`);

const tls = engine === "webkit";
export const scheme = tls ? "https" : "http";

/** The origin of `name`, e.g. `ui` or `api`, on a port. */
export const origin = (name, port) => `${scheme}://${name}.${tls ? "example.com" : "app.localhost"}:${port}`;

let certificate;

/** A server that such an origin reaches, not yet listening. */
export function createServer(answer) {
  if (!tls) return http.createServer(answer);
  certificate ??= makeCertificate();
  return https.createServer(certificate, answer);
}

function makeCertificate() {
  const folder = mkdtempSync(join(tmpdir(), "certificate-"));
  try {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=example.com"];
    const made = spawnSync("openssl", [...words, "-addext", "subjectAltName=DNS:*.example.com", "-keyout", key, "-out", cert]);
    if (made.status !== 0) throw new Error(`openssl made no certificate: ${made.error ?? made.stderr}`);
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
