// Slow, greedy and oversized clients, while somebody else mints at a steady pace through the same listener.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import net from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { COOKIE, login, mint, send } from "../harness/client.mjs";
import { startIam } from "../harness/stack.mjs";

const ORIGIN = "http://ui.app.localhost:4180";
const ISSUER = "http://api.app.localhost:4181/iam";

/** Between two mints. */
const PACE_MS = 50;

/**
 * The longest that a mint may take beside an attack. Far above what it takes on a loaded machine, and below the 10 seconds
 * that the service gives a body, let alone the 75 that it gives a header: nobody waits for an attacker's time to be up.
 */
const PATIENCE_MS = 6000;

let iam, cookie, admin;

/** Places for connections: small enough that a test can take them all. */
const PLACES = 2000;

before(async () => {
  iam = await startIam({
    under: ["prlimit", `--nofile=${PLACES + 200}`],
    issuer: ISSUER,
    origin: ORIGIN,
    resource: "http://api.app.localhost:4181",
    config: 'trusted_proxies = ["127.0.0.1/32"]\n[sessions]\nmints_per_minute = 60000\n[admin]\nlisten = "127.0.0.1:0"\n',
  });
  admin = (await iam.log.line(/admin on (http:\S+)/))[1];
  const { session } = await login(iam.url, { origin: ORIGIN, username: iam.user });
  cookie = `${COOKIE}=${session}`;
});

after(() => iam?.stop());

const metric = async (name) => {
  const { text } = await send(admin, { path: "/metrics" });
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)[1]);
};

/** Mints on a new connection each time for as long as `work` takes: how often, and how long the slowest took. */
async function mintBeside(work) {
  let [running, mints, slowest] = [true, 0, 0];
  const minting = (async () => {
    while (running) {
      const start = performance.now();
      const answer = await mint(iam.url, { origin: ORIGIN, cookie });
      assert.equal(answer.status, 200, answer.text);
      const took = performance.now() - start;
      mints += 1;
      slowest = Math.max(slowest, took);
      await sleep(Math.max(0, PACE_MS - took));
    }
  })();
  try {
    await Promise.race([work(), minting]);
  } finally {
    running = false;
  }
  await minting;
  return { mints, slowest };
}

/** Beside an attack of so many seconds mints go on, and none waits for the attacker. On a busy machine both are slow. */
async function unimpressed(secs, attack) {
  const calm = await mintBeside(() => sleep(1000));
  const { mints, slowest } = await mintBeside(attack);
  assert.ok(slowest < PATIENCE_MS, `the slowest mint took ${slowest} ms, in calm ${calm.slowest} ms`);
  assert.ok(mints >= secs, `${mints} mints in ${secs} s, in calm ${calm.mints} in one`);
}

function slowhttptest(mode, secs, path) {
  // The program has no option for the origin of an allowed app, without which nothing reads a body.
  const words = ["-c", "450", "-r", "300", "-i", "2", "-x", "20", "-s", "8192", "-p", "5", "-l", String(secs), "-u", `${iam.url}${path}`];
  const child = spawn("slowhttptest", [mode, ...words, "-j", `a=b\r\nOrigin: ${ORIGIN}`], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    // Colours stand between the words.
    child.once("close", () => resolve(said.replaceAll(/\x1b\[[\d;]*m/g, "")));
  });
}

test("c152_slowhttptest_with_slow_headers_bodies_ranges_and_reads_slows_no_mint", async () => {
  const secs = 6;
  await unimpressed(secs, async () => {
    const reports = await Promise.all([
      slowhttptest("-H", secs, "/iam/oauth/token"),
      slowhttptest("-B", secs, "/iam/oauth/token"),
      slowhttptest("-R", secs, "/iam/.well-known/jwks.json"),
      slowhttptest("-X", secs, "/iam/openapi.json"),
    ]);
    for (const report of reports) {
      assert.match(report, /service available:\s+YES/, report);
      assert.doesNotMatch(report, /service available:\s+NO/, "its own probe");
    }
  });
});

/** Runs in a thread: `clients` connections that say `words` again and again and take no notice of the answers. */
function flood({ port, clients, words, secs }) {
  const code = `
    const net = require("node:net");
    const { port, clients, words, secs } = require("node:worker_threads").workerData;
    const end = Date.now() + secs * 1000;
    const bytes = Buffer.from(words, "latin1");
    const go = () => {
      if (Date.now() > end) return;
      const socket = net.connect(port, "127.0.0.1", () => socket.write(bytes));
      socket.setTimeout(secs * 1000, () => socket.destroy());
      socket.on("error", () => {}).on("data", () => {}).once("end", () => socket.destroy()).once("close", () => setTimeout(go, 50));
    };
    for (let i = 0; i < clients; i += 1) go();`;
  const worker = new Worker(code, { eval: true, workerData: { port, clients, words, secs } });
  return new Promise((resolve, reject) => worker.once("error", reject).once("exit", resolve));
}

test("c152_cookie_bombs_and_oversized_bodies_slow_no_mint", async () => {
  const secs = 4;
  const port = Number(new URL(iam.url).port);
  const head = `POST /iam/oauth/token HTTP/1.1\r\nHost: h\r\nOrigin: ${ORIGIN}\r\nContent-Type: application/x-www-form-urlencoded\r\n`;
  const bomb = (kib) => `${head}Connection: close\r\nContent-Length: 18\r\nCookie: a=${"x".repeat(kib * 1024)}\r\n\r\ngrant_type=session`;
  const body = "x".repeat(1024 * 1024);
  const floods = [bomb(64), bomb(400), `${head}Content-Length: ${body.length}\r\n\r\n${body}`, `${head}Content-Length: 9000000000\r\n\r\n${body}`];
  await unimpressed(secs, () => Promise.all(floods.map((words) => flood({ port, clients: 12, words, secs }))));
});

test("c152_more_silent_connections_than_there_are_places_slow_no_mint", async () => {
  assert.equal(await metric("sessionmint_connection_places"), PLACES);
  const port = Number(new URL(iam.url).port);
  const sockets = [];
  const open = (count) =>
    Array.from({ length: count }, () =>
      new Promise((resolve) => {
        // Sooner or later it is closed, which is what should happen.
        sockets.push(net.connect(port, "127.0.0.1", resolve).on("error", resolve));
      }),
    );
  try {
    const { mints, slowest } = await mintBeside(async () => {
      for (let opened = 0; opened <= PLACES; opened += 100) await Promise.all(open(100));
      await iam.log.line(/all \d+ connections are in use; silent ones are closed/);
      await sleep(500);
    });
    assert.ok(mints > 3 && slowest < 10_000, `${mints} mints, the slowest took ${slowest} ms`);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});

test("c147_a_thousand_wrong_passwords_from_one_network_and_the_user_signs_in_from_another", async () => {
  const from = (network) => ({ "x-forwarded-for": network });
  const attempt = (password, network) => login(iam.url, { origin: ORIGIN, username: iam.user, password, headers: from(network) });
  const answers = [];
  for (let round = 0; round < 20; round += 1) {
    answers.push(...(await Promise.all(Array.from({ length: 50 }, (_, i) => attempt(`guess ${round} ${i}`, "198.51.100.7")))));
  }
  const count = (status) => answers.filter((answer) => answer.status === status).length;
  assert.equal(answers.length, count(401) + count(429) + count(503));
  assert.ok(count(401) >= 1 && count(401) <= 11, `${count(401)} guesses were checked`);
  assert.ok(answers.filter(({ status }) => status === 429).every(({ headers }) => Number(headers["retry-after"]) > 0));
  assert.equal((await attempt(undefined, "198.51.100.7")).status, 429, "the guesser's network waits, whatever it tries");

  const owner = await attempt(undefined, "203.0.113.20");
  assert.equal(owner.status, 200, "the user is not locked out");
  const minted = await mint(iam.url, { origin: ORIGIN, cookie: `${COOKIE}=${owner.session}`, headers: from("198.51.100.7") });
  assert.equal(minted.status, 200, "and who is signed in mints from anywhere");
});

test("c152_after_all_that_the_service_is_as_well_as_before", async () => {
  assert.equal((await mint(iam.url, { origin: ORIGIN, cookie })).status, 200);
  assert.equal(iam.log.count(/panic/), 0);
  assert.equal((await send(admin, { path: "/readyz" })).status, 200);
  assert.equal(await metric("sessionmint_log_lines_dropped_total"), 0);
});
