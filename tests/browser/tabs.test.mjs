// Many tabs of one browser, against the real service: they mint once and hand the token over, and what ends a session in
// one ends it in all.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "../harness/behaviour.mjs";
import { startBare, TOKEN, waitFor } from "../harness/bare.mjs";
import { PASSWORD } from "../harness/stack.mjs";

const TTL = 10;

let bare, ui, api, iam, proxy, browser, context;

before(async () => {
  // Tokens of a few seconds, so that renewals can be waited for.
  bare = await startBare({ client: ["--ttl", String(TTL)] });
  ({ ui, api, iam, proxy, browser } = bare);
  iam.addUser("bob");
});

after(() => bare?.stop());

beforeEach(async () => {
  proxy.fault = undefined;
  context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(ui);
  await page.evaluate(manager, api);
  const from = iam.log.lines.length;
  await page.evaluate(login, { user: iam.user, password: PASSWORD });
  // A browser with a session, and no tab that knows of it.
  await page.close();
  // The log is written after the answer.
  await iam.log.line(/outcome="?minted/, { from });
  proxy.seen.length = 0;
});

afterEach(async () => {
  proxy.release();
  await context.close();
});

/** So many tabs with a token manager each; `prepare` runs in them before it is made. */
async function open(count, prepare = () => {}) {
  const tabs = [];
  for (let n = 0; n < count; n++) tabs.push(await context.newPage());
  await Promise.all(
    tabs.map(async (tab) => {
      await tab.goto(ui);
      await tab.evaluate(prepare);
      await tab.evaluate(manager, api);
    }),
  );
  return tabs;
}

const all = (tabs, fn, arg) => Promise.all(tabs.map((tab) => tab.evaluate(fn, arg)));
const crowded = { webkit: "to it each page is a process, and on few cores so many do not hear each other in time" };
const mints = () => proxy.count("POST", TOKEN);

test("c136_twenty_tabs_opened_at_once_and_through_three_renewals_mint_once_a_round", crowded, async () => {
  const before = iam.mints();
  const tabs = [];
  for (let n = 0; n < 20; n++) tabs.push(await context.newPage());
  await Promise.all(
    tabs.map(async (tab) => {
      await tab.goto(ui);
      await tab.evaluate(manager, api);
      await tab.evaluate(() => {
        window.tokens = new Set();
        window.failed = [];
        const look = async () => {
          try {
            window.tokens.add(await window.auth.getToken());
          } catch (error) {
            window.failed.push(error.code);
          }
          if (window.tokens.size === 4 && !window.ends) {
            // In time before the next round, but not before the others have this one's token.
            window.ends = setTimeout(() => {
              clearInterval(window.looking);
              window.auth.dispose();
              window.done = true;
            }, 3000);
          }
        };
        window.looking = setInterval(look, 100);
        look();
      });
    }),
  );
  await Promise.all(tabs.map((tab) => tab.until(() => window.done, undefined, 5 * TTL * 1000)));
  const seen = await all(tabs, () => ({ tokens: [...window.tokens], failed: window.failed, told: window.told }));
  const first = seen[0].tokens;
  assert.equal(first.length, 4);
  for (const { tokens, failed, told } of seen) {
    assert.deepEqual(tokens, first);
    assert.deepEqual(failed, []);
    assert.deepEqual(told.filter((what) => !/^(signedin|renewed):/.test(what)), []);
  }
  assert.equal(iam.mints() - before, 4, "in the service's own log");
});

/** The first mint hangs; the others are answered. Gives the tab that started it, when that was, and the rest. */
async function leaderOf(tabs) {
  let first = true;
  proxy.fault = (request) => {
    const hang = request.url === TOKEN && first;
    if (hang) first = false;
    return hang;
  };
  await all(tabs, () => {
    const { fetch } = window;
    window.minting = 0;
    window.fetch = (...input) => {
      window.minting += 1;
      return fetch(...input);
    };
    window.waiting = window.auth.getToken().then(() => Date.now());
  });
  await waitFor(() => mints() === 1);
  const since = performance.timeOrigin + proxy.seen.find(({ path }) => path === TOKEN).at;
  const minting = await all(tabs, () => window.minting > 0);
  assert.deepEqual(minting.filter((one) => one), [true], "one mint, although all wait");
  const leader = tabs[minting.indexOf(true)];
  return { leader, since, others: tabs.filter((tab) => tab !== leader) };
}

/** The leader has the lock still, so the others draw who mints instead; that two draw the same moment is seldom, and harmless. */
function drawn(mints) {
  assert.ok(mints === 2 || mints === 3, `${mints} mints`);
}

test("c136_when_the_leader_is_closed_in_its_mint_the_others_hold_a_token_within_two_seconds", crowded, async () => {
  const { leader, others } = await leaderOf(await open(20));
  const closed = Date.now();
  await leader.close();
  const had = await all(others, () => window.waiting);
  const last = Math.max(...had) - closed;
  assert.ok(last <= 2000, `${last} ms`);
  assert.equal(mints(), 2);
});

test("c136_when_the_leader_hangs_in_its_mint_the_others_hold_a_token_within_two_seconds_and_nobody_is_signed_out", crowded, async () => {
  const tabs = await open(20);
  const { leader, others, since } = await leaderOf(tabs);
  const had = await all(others, () => window.waiting);
  const last = Math.max(...had) - since;
  assert.ok(last <= 2000, `${last} ms`);
  await all(tabs, () => window.waiting);
  drawn(mints());
  assert.equal(await leader.evaluate(() => window.minting), 1, "the leader took over what the next one got");
  assert.deepEqual((await all(tabs, () => window.told)).flat().filter((what) => what.startsWith("signedout")), []);
});

for (const [what, end, webkit] of [
  ["stands_still", (leader) => leader.evaluate((millis) => { for (const end = Date.now() + millis; Date.now() < end; ); }, 8000), "its driver waits for the page"],
  ["crashes", async (leader) => (await context.raw.newCDPSession(leader.raw)).send("Page.crash"), "its driver crashes no page"],
]) {
  const cannot = { firefox: "to it the tabs of a site share processes, so that it takes others along", webkit };
  test(`c136_when_the_leader_${what}_in_its_mint_the_others_hold_a_token_within_two_seconds`, cannot, async () => {
    const { leader, others, since } = await leaderOf(await open(10));
    // It answers when it moves again, or never.
    end(leader).catch(() => {});
    const had = await all(others, () => window.waiting);
    const last = Math.max(...had) - since;
    assert.ok(last <= 2000, `${last} ms`);
    if (what === "crashes") assert.equal(mints(), 2, "its lock is free");
    else drawn(mints());
  });
}

test("c141_a_sign_out_reaches_all_tabs_within_a_second", async () => {
  const tabs = await open(5);
  await all(tabs, () => window.auth.getToken());
  await all(tabs, () => window.auth.on("signedout", () => (window.out = Date.now())));
  const at = await tabs[0].evaluate(async () => {
    const now = Date.now();
    await window.auth.logout();
    return now;
  });
  for (const tab of tabs.slice(1)) await tab.until(() => window.out !== undefined);
  const out = await all(tabs, () => ({ at: window.out, token: window.auth.peek(), told: window.told.at(-1) }));
  for (const { at: told } of out) assert.ok(told - at < 1000, `${told - at} ms`);
  assert.deepEqual(out.map((one) => one.token), Array(5).fill(undefined));
  assert.deepEqual(out.map((one) => one.told), ["signedout:logout", ...Array(4).fill("signedout:elsewhere")]);
  const before = mints();
  const codes = await all(tabs, () => window.auth.getToken().catch((error) => error.code));
  assert.deepEqual(codes, Array(5).fill("signed_out"));
  assert.equal(mints(), before);
});

test("c142_a_sign_out_in_another_tab_beats_a_mint_in_flight", async () => {
  const [one, two] = await open(2);
  let release;
  const answered = new Promise((resolve) => (release = resolve));
  proxy.fault = (request, response) => {
    if (request.url !== TOKEN || request.method !== "POST") return false;
    answered.then(() => {
      response.writeHead(200, {
        "access-control-allow-origin": request.headers.origin,
        "access-control-allow-credentials": "true",
        "content-type": "application/json",
      });
      response.end(JSON.stringify({ access_token: "eyJhIjoxfQ.eyJhIjoxfQ.c2ln", token_type: "Bearer", expires_in: 20, scope: "", session_expires_in: 900 }));
    });
    return true;
  };
  await two.evaluate(() => {
    // A fetch that cannot be aborted, so that the late answer really comes in.
    const { fetch } = window;
    window.fetch = async (address, init) => {
      const response = await fetch(address, { ...init, signal: undefined });
      const body = await response.text();
      queueMicrotask(() => (window.delivered = true));
      return new Response(body, { headers: response.headers });
    };
    window.waiting = window.auth.getToken().then(() => "token", (error) => error.code);
  });
  await waitFor(() => mints() === 1);
  await one.evaluate(() => window.auth.logout());
  assert.equal(await two.evaluate(() => window.waiting), "signed_out");
  release();
  await two.until(() => window.delivered);
  assert.deepEqual(await two.evaluate(() => ({ token: window.auth.peek(), state: window.auth.state })), { token: undefined, state: "signedout" });
});

test("c140_after_a_sign_in_as_someone_else_no_tab_uses_the_token_of_before", async () => {
  const tabs = await open(5);
  await all(tabs, () => window.auth.getToken());
  const alice = await tabs[1].evaluate(subject);
  const at = await tabs[0].evaluate(async (bob) => {
    window.waiting = window.auth.login(bob);
    await window.waiting;
    return Date.now();
  }, { username: "bob", password: PASSWORD });
  const bob = await tabs[0].evaluate(subject);
  assert.notEqual(bob, alice);
  for (const tab of tabs.slice(1)) await tab.until(() => window.told.includes("signedout:elsewhere"));
  assert.ok(Date.now() - at < 1000 + 1000, "told, and asked for from here");
  const before = mints();
  for (const tab of tabs.slice(1)) {
    await tab.evaluate(() => window.auth.getToken());
    assert.equal(await tab.evaluate(subject), bob);
  }
  assert.equal(mints(), before, "they took the new user's token from the tab of the sign-in");
});

test("c017_input_in_one_tab_is_activity_in_the_others_and_asking_for_tokens_is_not", async () => {
  const [active, other] = await open(2, () => {
    window.shift = 0;
    window.clock = {
      now: () => Date.now() + window.shift,
      monotonic: () => performance.now() + window.shift,
      setTimeout: (callback, delay) => setTimeout(callback, delay),
      clearTimeout: (timer) => clearTimeout(timer),
    };
  });
  const tabs = [active, other];
  const idle = [];
  proxy.fault = (request) => {
    if (request.url === TOKEN) request.on("data", (chunk) => idle.push(Number(new URLSearchParams(String(chunk)).get("idle_for"))));
    return false;
  };
  await all(tabs, () => window.auth.getToken());
  // Beyond the end of every token.
  await all(tabs, () => (window.shift += 100_000));
  await all(tabs, () => window.auth.getToken({ scope: "notes:read" }));
  assert.ok(idle.at(-1) >= 100, `${idle}`);
  await active.press("a");
  await active.evaluate(() => window.auth.getToken());
  assert.ok(idle.at(-1) < 10, `${idle}`);
  await all(tabs, () => (window.shift += 20_000));
  await other.evaluate(() => window.auth.getToken());
  assert.ok(idle.at(-1) >= 20 && idle.at(-1) < 40, `${idle}`);
});

test("a sign-in as the same user signs no tab out", async () => {
  const tabs = await open(3);
  await all(tabs, () => window.auth.getToken());
  await tabs[0].evaluate(login, { user: iam.user, password: PASSWORD });
  await all(tabs, () => window.auth.getToken());
  const sids = await all(tabs, () => JSON.parse(atob(window.auth.peek().split(".")[1])).sid);
  assert.equal(new Set(sids).size, 1, "all are in the new session");
  assert.deepEqual((await all(tabs, () => window.told)).flat().filter((what) => what.startsWith("signedout")), []);
});

test("c136_without_web_locks_tabs_still_hand_over_the_token", crowded, async () => {
  const withoutLocks = () => Object.defineProperty(navigator, "locks", { value: undefined });
  const [first, ...others] = await open(10, withoutLocks);
  const token = await first.evaluate(() => window.auth.getToken());
  const tokens = await all(others, () => window.auth.getToken());
  // Whoever hears nothing within the few milliseconds that it has, on a machine that is busy, mints: nothing else tells it.
  assert.ok(tokens.includes(token), "it was handed over");
  assert.ok(mints() < 10, `${mints()} mints`);
  const told = (await all(others, () => window.told)).flat();
  assert.deepEqual(told.filter((what) => !/^signedin:(peer|caller)$/.test(what)), []);
  assert.equal(told.filter((what) => what === "signedin:caller").length, mints() - 1);
});

test("without BroadcastChannel every tab mints for itself and works", async () => {
  const tabs = await open(3, () => delete window.BroadcastChannel);
  await all(tabs, () => window.auth.getToken());
  assert.equal(mints(), 3);
});

test("c135_who_listens_to_every_channel_sees_no_token", async () => {
  const tabs = await open(4, () => {
    window.posted = [];
    const text = (value) =>
      value instanceof ArrayBuffer || ArrayBuffer.isView(value)
        ? new TextDecoder("latin1").decode(value)
        : typeof value === "object" && value !== null
          ? `${Object.values(value).map(text)}`
          : String(value);
    const { postMessage } = BroadcastChannel.prototype;
    BroadcastChannel.prototype.postMessage = function (message) {
      window.posted.push({ name: this.name, type: message.type, text: text(message) });
      const listener = new BroadcastChannel(this.name);
      listener.onmessage = ({ data }) => window.posted.push({ name: this.name, type: data.type, text: text(data) });
      return postMessage.call(this, message);
    };
  });
  const tokens = [];
  for (const tab of tabs) tokens.push(await tab.evaluate(() => window.auth.getToken()));
  assert.equal(new Set(tokens).size, 1);
  const posted = (await all(tabs, () => window.posted)).flat();
  assert.ok(posted.some(({ type }) => type === "give"), "one was handed over");
  const secrets = [...new Set(tokens)].flatMap((token) => token.split("."));
  const leaks = posted.filter(({ text, name }) => /eyJ/.test(text + name) || secrets.some((part) => text.includes(part)));
  assert.deepEqual(leaks, []);
  const stored = await all(tabs, async () => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, await indexedDB.databases?.(), await caches.keys()]));
  for (const one of stored) assert.doesNotMatch(one, /eyJ/);
  const found = await all(tabs, () => {
    const seen = new Set();
    const look = (value, path) => {
      if (typeof value === "string") return /eyJ[\w-]+\./.test(value) ? [path] : [];
      if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) return [];
      seen.add(value);
      return Reflect.ownKeys(value).flatMap((key) => {
        try {
          return look(value[key], `${path}.${String(key)}`);
        } catch {
          // Some properties of the platform cannot be read.
          return [];
        }
      });
    };
    // What is to be found, so that finding nothing else means something.
    window.planted = { deep: ["eyJhIjoxfQ.x"] };
    return look(window, "window");
  });
  assert.deepEqual(found, Array(4).fill(["window.planted.deep.0"]));
});

test("c139_while_minting_fails_twenty_tabs_do_not_multiply_the_tries", crowded, async () => {
  const tabs = await open(20);
  proxy.fault = (request, response) => {
    if (request.url !== TOKEN || request.method !== "POST") return false;
    response.writeHead(503, { "access-control-allow-origin": request.headers.origin, "access-control-allow-credentials": "true" });
    response.end();
    return true;
  };
  const codes = await all(tabs, () => window.auth.getToken().catch((error) => error.code));
  assert.deepEqual(new Set(codes), new Set(["unavailable"]));
  // One tab alone makes about six in the 10 s that a caller waits; each for itself, they would make over a hundred.
  assert.ok(mints() < 20, `${mints()} tries`);
  proxy.fault = undefined;
  const before = mints();
  const tokens = await all(tabs, async () => {
    for (;;) {
      const token = await window.auth.getToken().catch(() => undefined);
      if (token) return token;
    }
  });
  assert.equal(new Set(tokens).size, 1);
  assert.equal(mints() - before, 1);
});

async function manager(api) {
  const { createTokenManager } = await import("/pkg/index.js");
  window.auth = createTokenManager({ iam: `${api}/iam`, apis: [api], clock: window.clock });
  window.told = [];
  for (const type of ["signedin", "renewed", "signedout", "degraded", "recovered"]) {
    window.auth.on(type, ({ reason, cause }) => window.told.push([type, reason ?? cause].filter(Boolean).join(":")));
  }
}

function login({ user, password }) {
  return window.auth.login({ username: user, password });
}

function subject() {
  return JSON.parse(atob(window.auth.peek().split(".")[1])).sub;
}
