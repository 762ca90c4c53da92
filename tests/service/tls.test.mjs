// TLS of the service, spoken by somebody else's implementation (OpenSSL, as Node has it).
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import http2 from "node:http2";
import https from "node:https";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import tls from "node:tls";
import { COOKIE } from "../harness/client.mjs";
import { PASSWORD, startIam } from "../harness/stack.mjs";

const HOST = "api.app.localhost";
const ORIGIN = "https://ui.app.localhost:4180";
const FORM = "application/x-www-form-urlencoded";
const HSTS = "max-age=31536000; includeSubDomains";

let iam, folder, port, ca, cookie;

/** A certificate of its own making, with its key. */
function make(name, subject = `/CN=${HOST}`) {
  const [certificate, key] = [join(folder, `${name}.cert.pem`), join(folder, `${name}.key.pem`)];
  const words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", subject];
  const made = spawnSync("openssl", [...words, "-addext", `subjectAltName=DNS:${HOST}`, "-keyout", key, "-out", certificate]);
  assert.equal(made.status, 0, String(made.stderr));
  return { certificate: readFileSync(certificate, "utf8"), key: readFileSync(key, "utf8") };
}

/** Puts a file into the place of the one that is in use, as renewals do. */
function put(name, text) {
  const fresh = join(folder, `${name}.new`);
  writeFileSync(fresh, text, { mode: 0o600 });
  renameSync(fresh, join(folder, name));
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "tls-"));
  const first = make("first");
  ca = [first.certificate];
  put("cert.pem", first.certificate);
  put("key.pem", first.key);
  iam = await startIam({
    issuer: `https://${HOST}:4181/iam`,
    origin: ORIGIN,
    resource: `https://${HOST}:4181`,
    config: `[tls]\ncertificate_file = "${join(folder, "cert.pem")}"\nkey_file = "${join(folder, "key.pem")}"\n`,
  });
  assert.match(iam.url, /^https:/);
  port = Number(new URL(iam.url).port);
  const body = JSON.stringify({ username: iam.user, password: PASSWORD });
  const answer = await send({ path: "/iam/passwordlogin", type: "application/json", body });
  cookie = answer.headers["set-cookie"][0].split(";")[0];
  assert.ok(cookie.startsWith(`${COOKIE}=`));
});

after(async () => {
  await iam?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const options = (more) => ({ host: "127.0.0.1", port, servername: HOST, ca, ...more });

/** A request over HTTP/1.1; `agent` decides over the connection. */
function send({ method = "POST", path, type = FORM, body = "", headers = {}, agent = false }) {
  return new Promise((resolve, reject) => {
    const all = { host: `${HOST}:${port}`, origin: ORIGIN, "content-type": type, "content-length": Buffer.byteLength(body), ...headers };
    const request = https.request({ ...options({ method, path, agent }), headers: all }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => (text += chunk));
      response.once("end", () => resolve({ status: response.statusCode, headers: response.headers, text }));
      response.once("error", reject);
    });
    request.once("error", reject).end(body);
  });
}

const mint = (more) => send({ path: "/iam/oauth/token", body: "grant_type=session", headers: { cookie }, ...more });

/** The certificate, version and protocol of a fresh connection; fails as the handshake does. */
function handshake(more) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect(options(more), () => {
      resolve({ certificate: socket.getPeerCertificate().raw, version: socket.getProtocol(), protocol: socket.alpnProtocol });
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

test("c150_tls_1_2_and_1_3_are_spoken_and_nothing_older", async () => {
  const only = (version) => ({ minVersion: version, maxVersion: version, ciphers: "DEFAULT:@SECLEVEL=0" });
  for (const version of ["TLSv1.2", "TLSv1.3"]) {
    assert.equal((await handshake(only(version))).version, version);
  }
  for (const version of ["TLSv1", "TLSv1.1"]) {
    // The alert comes from the service: this client was ready.
    await assert.rejects(handshake(only(version)), /alert (handshake failure|protocol version)/i, version);
  }
  for (const ciphers of ["AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384"]) {
    const weak = { maxVersion: "TLSv1.2", ciphers: `${ciphers}:@SECLEVEL=0` };
    await assert.rejects(handshake(weak), /alert handshake failure/i, `${ciphers}: without forward secrecy, or CBC`);
  }
});

test("c150_every_answer_over_tls_carries_hsts", async () => {
  const answers = [await mint(), await mint({ headers: {} }), await send({ method: "GET", path: "/iam/.well-known/jwks.json" })];
  answers.push(await send({ method: "GET", path: "/nowhere" }), await mint({ headers: { host: "other", cookie } }));
  answers.push(await mint({ headers: { cookie: "x".repeat(40_000) } }));
  answers.push(await send({ path: "/iam/oauth/token", headers: { "transfer-encoding": "chunked", "content-length": [] } }));
  assert.deepEqual(answers.map(({ status }) => status), [200, 401, 200, 404, 200, 431, 411]);
  for (const { headers, status } of answers) assert.equal(headers["strict-transport-security"], HSTS, status);
});

test("c150_http_2_over_tls_mints_with_cookie_and_cors", async () => {
  assert.equal((await handshake({ ALPNProtocols: ["h2", "http/1.1"] })).protocol, "h2");
  assert.equal((await handshake({ ALPNProtocols: ["http/1.1"] })).protocol, "http/1.1");
  const session = http2.connect(`https://${HOST}:${port}`, { createConnection: () => tls.connect(options({ ALPNProtocols: ["h2"] })) });
  try {
    const ask = (headers, body = "grant_type=session") =>
      new Promise((resolve, reject) => {
        const all = { ":method": "POST", ":path": "/iam/oauth/token", origin: ORIGIN, "content-type": FORM, ...headers };
        const stream = session.request(all);
        let [text, answer] = ["", undefined];
        stream.once("response", (head) => (answer = head)).once("error", reject);
        stream.setEncoding("utf8").on("data", (chunk) => (text += chunk));
        stream.once("end", () => resolve({ headers: answer, status: answer[":status"], text }));
        stream.end(body);
      });
    const minted = await ask({ cookie });
    assert.equal(minted.status, 200, minted.text);
    assert.ok(JSON.parse(minted.text).access_token);
    assert.equal(minted.headers["access-control-allow-origin"], ORIGIN);
    assert.equal(minted.headers["access-control-allow-credentials"], "true");
    assert.equal(minted.headers["strict-transport-security"], HSTS);
    assert.equal((await ask({ cookie: ["a=1", cookie, "b=2"] })).status, 200, "cookies in several fields");
    const bombed = await ask({ cookie: `a=${"x".repeat(60_000)}; ${cookie}` });
    assert.equal(bombed.status, 431);
    assert.equal(bombed.headers["access-control-allow-origin"], ORIGIN, "readable by the app");
    assert.equal((await ask({ cookie, ":authority": HOST, host: "evil.example" })).status, 400, "two hosts");
    const many = await Promise.all(Array.from({ length: 150 }, () => ask({ cookie })));
    assert.deepEqual([...new Set(many.map(({ status }) => status))], [200]);
  } finally {
    session.destroy();
  }
});

test("c150_a_handshake_that_stalls_keeps_nobody_waiting", async () => {
  const hello = Buffer.from("16030102000100", "hex");
  const stalled = await Promise.all(
    Array.from({ length: 300 }, (_, i) =>
      new Promise((resolve, reject) => {
        const socket = net.connect(port, "127.0.0.1", () => resolve(socket));
        socket.once("error", reject);
        if (i % 2) socket.write(hello);
      }),
    ),
  );
  const answers = await Promise.all(Array.from({ length: 20 }, () => mint()));
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  assert.ok(stalled.every((socket) => !socket.destroyed), "none of them had to end before");
  for (const socket of stalled) socket.destroy();
});

test("c150_a_renewed_certificate_is_used_without_a_failed_request", async () => {
  const [second, third] = [make("second"), make("third")];
  ca = [...ca, second.certificate, third.certificate];
  const raw = async () => (await handshake()).certificate.toString("base64");
  const plain = ({ certificate }) => certificate.split("\n").filter((line) => !line.includes("-----")).join("");
  let running = true;
  const kept = new https.Agent({ keepAlive: true, maxSockets: 1 });
  const statuses = [];
  const load = [undefined, kept, kept].map(async (agent) => {
    while (running) statuses.push((await mint({ agent: agent ?? false })).status);
  });
  const hangup = async (line) => {
    const from = iam.log.lines.length;
    process.kill(iam.log.pid, "SIGHUP");
    await iam.log.line(line, { from });
  };

  put("cert.pem", second.certificate);
  await hangup(/the new TLS certificate is not used.*is not the one of the certificate/);
  assert.notEqual(await raw(), plain(second), "half of a renewal");
  put("key.pem", second.key);
  await hangup(/the TLS certificate is replaced/);
  assert.equal(await raw(), plain(second));

  put("cert.pem", "nonsense");
  await hangup(/the new TLS certificate is not used.*holds no certificate/);
  assert.equal(await raw(), plain(second), "what cannot be used leaves the old one");
  put("cert.pem", third.certificate);
  put("key.pem", third.key);
  await hangup(/the TLS certificate is replaced/);
  assert.equal(await raw(), plain(third));

  const before = statuses.length;
  while (statuses.length < before + 20) await mint();
  running = false;
  await Promise.all(load);
  kept.destroy();
  assert.deepEqual([...new Set(statuses)], [200], `${statuses.length} mints`);
});
