// What attackers send to the running service, through the gateway as in production.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { COOKIE, login, mint, say, send, smugglings } from "../harness/client.mjs";
import { PASSWORD, startDemo } from "../harness/stack.mjs";

let demo, origin, api, username;

before(async () => {
  // One session mints as fast as it can below, far above the default limit.
  demo = await startDemo({ config: "[sessions]\nmints_per_minute = 60000\n" });
  ({ ui: origin, api } = demo);
  username = demo.iam.user;
});

after(() => demo?.stop());

const sessionOf = async () => (await login(api, { origin, username })).session;
const subject = (answer) => JSON.parse(Buffer.from(answer.json.access_token.split(".")[1], "base64url")).sub;

function denied(answer, what) {
  assert.equal(answer.status, 403, what);
  assert.equal(answer.headers["access-control-allow-origin"], undefined, what);
  assert.equal(answer.headers["access-control-allow-credentials"], undefined, what);
  assert.deepEqual(answer.setCookies, [], what);
  assert.ok(!answer.text.includes("access_token"), what);
}

test("only the exact origin of the app mints", async () => {
  const cookie = `${COOKIE}=${await sessionOf()}`;
  const { port } = new URL(origin);
  const variants = {
    missing: undefined,
    null: "null",
    empty: "",
    "another scheme": origin.replace("http:", "https:"),
    "without the port": `http://ui.app.localhost`,
    "another port": `http://ui.app.localhost:${Number(port) + 1}`,
    "longer port": `${origin}0`,
    prefix: `http://xui.app.localhost:${port}`,
    suffix: `http://ui.app.localhost.evil.example:${port}`,
    "trailing slash": `${origin}/`,
    "trailing dot": `http://ui.app.localhost.:${port}`,
    "upper case": origin.toUpperCase(),
    "mixed case": `http://UI.app.localhost:${port}`,
    userinfo: `http://evil@ui.app.localhost:${port}`,
    "two origins": `${origin}, ${origin}`,
    "a space": ` ${origin} x`,
    "the API's own": api,
    "an evil sibling": `http://evil.app.localhost:${port}`,
  };
  for (const [name, value] of Object.entries(variants)) {
    denied(await mint(api, { origin: value, cookie }), name);
    const preflight = await send(api, {
      method: "OPTIONS",
      path: "/iam/passwordlogin",
      headers: { ...(value === undefined ? {} : { origin: value }), "access-control-request-method": "POST" },
    });
    assert.equal(preflight.headers["access-control-allow-origin"], undefined, `preflight: ${name}`);
  }
  assert.equal((await mint(api, { origin, cookie })).status, 200, "and the session is as it was");
});

test("Fetch Metadata of a navigation, a form or an image is refused", async () => {
  const cookie = `${COOKIE}=${await sessionOf()}`;
  const fetched = { "sec-fetch-site": "same-site", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty" };
  assert.equal((await mint(api, { origin, cookie, headers: fetched })).status, 200);
  for (const wrong of [
    { "sec-fetch-mode": "navigate" },
    { "sec-fetch-mode": "no-cors" },
    { "sec-fetch-dest": "document" },
    { "sec-fetch-dest": "image" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "none" },
  ]) {
    denied(await mint(api, { origin, cookie, headers: { ...fetched, ...wrong } }), JSON.stringify(wrong));
  }
});

test("a form, text or multipart login is refused and sets no cookie", async () => {
  const body = JSON.stringify({ username, password: PASSWORD });
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain; application/json", ""]) {
    const headers = { origin, ...(type ? { "content-type": type } : {}) };
    const answer = await send(api, { method: "POST", path: "/iam/passwordlogin", headers, body });
    assert.equal(answer.status, 415, type);
    assert.deepEqual(answer.setCookies, [], type);
  }
  const evil = `http://evil.app.localhost:${new URL(origin).port}`;
  denied(await login(api, { origin: evil, username }), "evil sibling");
});

test("look-alike cookies neither match nor hide the good one", async () => {
  const good = await sessionOf();
  const victim = subject(await mint(api, { origin, cookie: `${COOKIE}=${good}` }));
  const evil = await sessionOf();
  const twins = [
    `%5F%5FHost-Http-sid=${evil}`,
    `__Host-Http%2Dsid=${evil}`,
    `__host-http-sid=${evil}`,
    `__HOST-HTTP-SID=${evil}`,
    `=__Host-Http-sid=${evil}`,
    `__Secure-sid=${evil}`,
    `__Host-Http-sid2=${evil}`,
    `x__Host-Http-sid=${evil}`,
    `$Version=1; $Path=/`,
    `"__Host-Http-sid"=${evil}`,
    `__Host-Http-sid =${evil}`,
    `\xe2\x80\x80__Host-Http-sid=${evil}`,
    `\xa0__Host-Http-sid=${evil}`,
    `caf\xe9=\xff\xfe`,
    `junk; ;;=; =x`,
    Array.from({ length: 50 }, (_, i) => `c${i}=${i}`).join("; "),
  ];
  for (const twin of twins) {
    for (const cookie of [`${twin}; ${COOKIE}=${good}`, `${COOKIE}=${good}; ${twin}`]) {
      const answer = await mint(api, { origin, cookie });
      assert.equal(answer.status, 200, cookie);
      assert.equal(subject(answer), victim, cookie);
    }
    const alone = await mint(api, { origin, cookie: twin });
    assert.equal(alone.status, 401, twin);
    assert.equal(alone.json.error, "login_required", twin);
  }
  const split = await mint(api, { origin, headers: { cookie: ["a=1", `${COOKIE}=${good}`, "b=2"] } });
  assert.equal(split.status, 200, "several Cookie fields");
  const two = await mint(api, { origin, cookie: `${COOKIE}=${good}; ${COOKIE}=${evil}` });
  assert.equal(two.status, 401, "two exact matches are none");
});

test("a session id planted before the sign-in is worth nothing after it", async () => {
  const planted = "A".repeat(43);
  const first = await login(api, { origin, username, headers: { cookie: `${COOKIE}=${planted}` } });
  assert.notEqual(first.session, planted);
  assert.equal((await mint(api, { origin, cookie: `${COOKIE}=${planted}` })).status, 401);
  const second = await login(api, { origin, username, headers: { cookie: `${COOKIE}=${first.session}` } });
  assert.notEqual(second.session, first.session);
  assert.equal((await mint(api, { origin, cookie: `${COOKIE}=${first.session}` })).status, 401, "the replaced session is dead");
  assert.equal((await mint(api, { origin, cookie: `${COOKIE}=${second.session}` })).status, 200);
});

test("an unknown user, a wrong password and a disabled user look alike", async () => {
  demo.iam.addUser("disabled");
  demo.iam.cli("user", "disable", "disabled");
  const answers = [
    await login(api, { origin, username: "nobody-of-that-name", password: "wrong wrong" }),
    await login(api, { origin, username, password: "wrong wrong" }),
    await login(api, { origin, username: "disabled" }),
    await login(api, { origin, username, password: "x".repeat(5000) }),
  ];
  for (const answer of answers) {
    assert.equal(answer.status, 401);
    assert.equal(answer.text, answers[0].text);
    const { date, ...headers } = answer.headers;
    const { date: _, ...wanted } = answers[0].headers;
    assert.deepEqual(headers, wanted);
  }
});

test("500 logins at once: excess is told to come back, and no mint fails", async () => {
  const cookie = `${COOKIE}=${await sessionOf()}`;
  // Directly to the service, from addresses of their own, so that the throttle is not what holds them back.
  const flood = Array.from({ length: 500 }, (_, i) =>
    login(demo.iam.url, {
      origin,
      username: `user${i}`,
      password: "some password",
      headers: { host: new URL(api).host, "x-forwarded-for": `10.${i >> 8}.${i & 255}.7` },
    }),
  );
  let running = true;
  const minting = (async () => {
    const statuses = [];
    while (running) statuses.push((await mint(api, { origin, cookie })).status);
    return statuses;
  })();
  const answers = await Promise.all(flood);
  running = false;
  const statuses = await minting;
  assert.ok(statuses.length > 0);
  assert.deepEqual([...new Set(statuses)], [200]);
  for (const answer of answers) {
    assert.ok([401, 429, 503].includes(answer.status), `${answer.status} ${answer.text}`);
    if (answer.status !== 401) assert.match(answer.headers["retry-after"], /^\d+$/);
  }
  assert.ok(answers.some((answer) => answer.status === 401), "some were let through");
  const peak = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${demo.iam.log.pid}/status`, "utf8"))[1]) / 1024;
  assert.ok(peak < 300, `peak memory ${peak} MB: hashing is bounded`);
});

test("a service behind the gateway neither sees nor sets the session cookie", async () => {
  const session = await sessionOf();
  const cookie = `theme=dark; ${COOKIE}=${session}; lang=en`;
  // The notes service answers 401 to a cookie alone: it is no authorization there.
  const alone = await send(api, { path: "/notes", headers: { origin, cookie } });
  assert.equal(alone.status, 401);
  assert.equal(alone.headers["access-control-allow-origin"], origin, "its 401 is readable");
  for (const path of ["/notes/..%2fiam/oauth/token", "//iam/oauth/token", "/IAM/oauth/token", "/notes/../iam/oauth/token", "/iam/..%2fnotes", "/iam/%2e%2e/notes"]) {
    const answer = await send(api, { method: "POST", path, body: "grant_type=session", headers: { origin, cookie, "content-type": "application/x-www-form-urlencoded" } });
    assert.ok(!answer.text.includes("access_token"), path);
    assert.ok([400, 401, 403, 404, 405].includes(answer.status), `${path}: ${answer.status}`);
  }
});

test("no secret is in the log or, readable, in the database", async () => {
  const answer = await login(api, { origin, username });
  const minted = await mint(api, { origin, cookie: `${COOKIE}=${answer.session}` });
  await send(api, { path: "/notes", headers: { origin, authorization: `Bearer ${minted.json.access_token}` } });
  await mint(api, { origin, cookie: `${COOKIE}=${answer.session}`, form: `grant_type=session&scope=${"%0d%0a"}forged` });
  await login(api, { origin, username: "forged\r\nline \x1b[31m", password: "x" });
  const log = [...demo.iam.log.lines, ...demo.demo.lines].join("\n");
  const files = readdirSync(demo.iam.folder).filter((name) => name.includes("iam.db"));
  const stored = files.map((name) => readFileSync(join(demo.iam.folder, name)).toString("latin1")).join("\n");
  for (const [what, secret] of Object.entries({ password: PASSWORD, session: answer.session, token: minted.json.access_token })) {
    assert.ok(!log.includes(secret), `${what} in the log`);
    assert.ok(!stored.includes(secret), `${what} in the database`);
  }
  assert.ok(!log.includes("\x1b[31m"), "terminal escapes are encoded");
});

test("c152_the_gateway_and_the_services_see_the_same_end_of_each_request", async () => {
  const cookie = `${COOKIE}=${await sessionOf()}`;
  const headers = `Origin: ${origin}\r\nContent-Type: application/x-www-form-urlencoded\r\n`;
  for (const path of ["/iam/oauth/token", "/notes"]) {
    for (const [what, words] of Object.entries(smugglings({ host: new URL(api).host, path, headers }))) {
      const heard = await say(api, words);
      assert.doesNotMatch(heard, /access_token|smuggled/, what);
      // On whichever connection to the service the next ones travel: they are answered as if nothing had been.
      for (let i = 0; i < 3; i += 1) {
        const minted = await mint(api, { origin, cookie });
        assert.equal(minted.status, 200, `${what}: ${minted.text}`);
        assert.equal((await send(api, { path: "/iam/.well-known/jwks.json" })).json?.keys?.length, 1, what);
      }
    }
  }
});
