// The other tabs: what is said on the channel, to whom a token is handed, and what locks are for. The core is a fake
// that writes down what it is told; channel and cryptography are Node's own.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { newPair, open, seal } from "../pkg/seal.js";
import { createTabs } from "../pkg/tabs.js";
import { createVirtualClock } from "../pkg/testing.js";
import { pagesOfOneBrowser, until } from "./support.mjs";

const settings = { iam: "https://api.example.com/iam" };
const NAME = "sessionmint1:https://api.example.com/iam#";
const LIFE = 300_000;
let browser, clock, opened, spy;

beforeEach(() => {
  browser = pagesOfOneBrowser();
  clock = createVirtualClock();
  opened = [];
  spy = channel();
});

afterEach(() => {
  for (const one of opened) one.close();
  browser.restore();
});

/** A channel of any script of the origin; `heard` is what was posted by others. */
function channel() {
  const made = new BroadcastChannel(NAME);
  made.heard = [];
  made.onmessage = ({ data }) => made.heard.push(data);
  made.types = () => made.heard.map((message) => message.type);
  opened.push(made);
  return made;
}

function tokenOf({ sid = "ses_1", sub = "usr_1", nonce = "a" } = {}) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "EdDSA" })}.${part({ sub, sid, nonce: `${nonce}?>~` })}.c2ln`;
}

/** A tab whose core writes down every call; an offer is accepted unless `refuse` is set. */
function tab(options) {
  const one = {
    calls: [],
    keys: [{}, { resource: "r", scope: "a b" }],
    held: [],
    age: Infinity,
    /** What the core does with the end of mint `seq`. */
    minted(seq, key, about) {
      one.hold(seq, key, tokenOf(about), about?.ends);
    },
    hold(seq, key, token, ends = clock.now() + LIFE, epoch) {
      one.held[key] = { token, scope: "a b", ends, life: LIFE, sessionEnds: clock.now() + 10 * LIFE };
      one.tabs.got(seq, key, epoch);
    },
    /** The token in hand of before all this. */
    has(key, about) {
      one.minted(0, key, about);
    },
    count: (name) => one.calls.filter(([called]) => called === name).length,
    offers: () => one.calls.filter(([called]) => called === "offered"),
    close: () => one.tabs.close(),
    /** The core is there, and wants a token of this key first. */
    load(key) {
      loaded = true;
      one.tabs.ask(1, key, 0);
    },
  };
  let loaded = options?.loaded ?? true;
  const core = new Proxy({}, { get: (_, name) => (...args) => void one.calls.push([name, ...args]) });
  one.tabs = createTabs({ ...settings, ...options, clock }, {
    keys: one.keys,
    held: one.held,
    core: () => (loaded ? core : undefined),
    idle: () => one.age,
    offered(seq, offer) {
      one.calls.push(["offered", seq, offer]);
      one.hold(seq, 0, offer.token, offer.ends, offer.epoch);
    },
  });
  assert.equal(one.tabs.open(), true);
  opened.push(one);
  return one;
}

/** By the end of it a hand-over that had begun before would be over: it goes every step of one, several times. */
async function quiet() {
  const echo = channel();
  for (let round = 0; round < 5; round++) {
    const mark = crypto.randomUUID();
    spy.postMessage({ type: "mark", mark });
    await until(() => echo.heard.some((message) => message.mark === mark));
    const { privateKey, pub } = await newPair();
    await open(privateKey, mark, await seal(pub, mark, mark));
  }
}

test("c136_a_tab_that_asks_is_handed_the_token_of_another", async () => {
  const [one, two] = [tab(), tab()];
  one.has(0);
  two.tabs.ask(1, 0, 0);
  await until(() => two.offers().length === 1);
  const [, seq, offer] = two.offers()[0];
  assert.equal(seq, 1);
  const { token, scope, ends, life, sessionEnds } = one.held[0];
  assert.deepEqual(offer, { token, scope, ends, life, sessionEnds, epoch: null });
  const told = two.calls.map(([name]) => name).filter((name) => name !== "led");
  assert.deepEqual(told, ["behind", "behind", "offered"], "of the lock, then of the token");
  assert.deepEqual(spy.types(), ["ask", "have", "take", "give"]);
});

test("a token that another tab has is fetched while the core still loads", async () => {
  const [one, two] = [tab(), tab({ loaded: false })];
  one.has(0);
  assert.equal(two.tabs.asked(), -1);
  two.tabs.askEarly();
  clock.tick(3);
  assert.equal(two.tabs.asked(), 3);
  await until(() => spy.types().includes("give"));
  await quiet();
  assert.deepEqual(two.calls, []);
  two.load(0);
  await until(() => two.offers().length === 1);
  assert.equal(two.held[0].token, one.held[0].token);
  assert.deepEqual(spy.types().filter((type) => type !== "mark"), ["ask", "have", "take", "give"], "asked once");
});

test("that another tab mints is not forgotten while the core loads", async () => {
  const [one, two] = [tab(), tab({ loaded: false })];
  one.tabs.ask(1, 0, 0);
  one.tabs.mint(1, 0);
  two.tabs.askEarly();
  await quiet();
  two.load(0);
  await until(() => two.count("behind") > 0);
});

test("c142_a_sign_out_while_the_core_loads_drops_what_was_fetched", async () => {
  const [one, two] = [tab(), tab({ loaded: false })];
  one.has(0);
  two.tabs.askEarly();
  await until(() => spy.types().includes("give"));
  await quiet();
  one.held[0] = undefined;
  one.tabs.announce(undefined, 0, 0, 0);
  await quiet();
  assert.equal(two.tabs.asked(), -1);
  two.load(0);
  await quiet();
  assert.deepEqual(two.offers(), []);
});

test("what was asked for while the core loaded is nothing if the core wants something else", async () => {
  const [one, two] = [tab(), tab({ loaded: false })];
  one.has(0);
  two.tabs.askEarly();
  await until(() => spy.types().includes("give"));
  await quiet();
  two.load(1);
  await quiet();
  assert.deepEqual(two.offers(), []);
});

test("c136_everybody_who_waits_for_a_mint_is_handed_its_token", async () => {
  const leader = tab();
  leader.tabs.ask(1, 0, 0);
  leader.tabs.mint(1, 0);
  const others = Array.from({ length: 19 }, () => tab());
  for (const one of others) one.tabs.ask(1, 0, 0);
  await until(() => others.every((one) => one.count("behind") >= 1));
  leader.minted(1, 0);
  await until(() => others.every((one) => one.offers().length === 1));
  await quiet();
  assert.deepEqual(new Set(others.map((one) => one.held[0].token)), new Set([leader.held[0].token]));
  assert.deepEqual(others.filter((one) => one.offers().length !== 1), []);
});

test("who has several tabs to choose from takes from one", async () => {
  const holders = [tab(), tab(), tab()];
  for (const one of holders) one.has(0);
  const asking = tab();
  asking.tabs.ask(1, 0, 0);
  await until(() => asking.offers().length === 1);
  await quiet();
  assert.equal(spy.types().filter((type) => type === "have").length, 3);
  assert.equal(spy.types().filter((type) => type === "give").length, 1);
});

test("a tab that is alone makes no keys: it asks, and that is all", async () => {
  const { generateKey } = crypto.subtle;
  crypto.subtle.generateKey = () => assert.fail("a key was made");
  try {
    const one = tab();
    one.tabs.ask(1, 0, 0);
    await until(() => browser.held.size === 1);
    one.tabs.mint(1, 0);
    one.minted(1, 0);
    await until(() => spy.heard.length === 3);
    assert.deepEqual(spy.types(), ["ask", "minting", "have"]);
    assert.deepEqual(one.calls, [["behind", 1], ["led", 1]]);
  } finally {
    crypto.subtle.generateKey = generateKey;
  }
});

test("a token that ends no later than the one in hand, or within a second, is not offered, nor one of another key", async () => {
  const [one, two] = [tab(), tab()];
  one.has(0, { ends: clock.now() + 60_000 });
  two.tabs.ask(1, 0, clock.now() + 59_500);
  two.tabs.ask(2, 1, 0);
  await quiet();
  assert.ok(!spy.types().includes("have"));
  clock.tick(59_500);
  two.tabs.ask(3, 0, 0);
  await quiet();
  assert.ok(!spy.types().includes("take"));
  assert.equal(two.offers().length, 0);
});

test("who asks during a mint is told to wait, and how long ago its user was there is told", async () => {
  const [one, two] = [tab(), tab()];
  browser.locks = undefined;
  one.tabs.mint(1, 0);
  await until(() => spy.types().includes("minting"));
  two.age = 1234;
  two.tabs.ask(7, 0, 0);
  await until(() => two.count("behind") > 0);
  assert.deepEqual(two.calls, [["behind", 7]]);
  assert.deepEqual(one.calls, [["peerInput", 1234]]);
});

test("c135_nothing_on_the_channel_or_in_the_names_of_locks_comes_from_a_token_but_its_session", async () => {
  const [one, two] = [tab(), tab()];
  one.has(0);
  two.tabs.ask(1, 0, 0);
  await until(() => two.offers().length === 1);
  one.tabs.announce("usr_1", 2, 0, 0);
  await quiet();
  const text = (value) =>
    value instanceof ArrayBuffer
      ? Buffer.from(value).toString("latin1")
      : typeof value === "object" && value !== null
        ? Object.values(value).map(text).join(" ")
        : String(value);
  const all = [...spy.heard.map(text), ...browser.named].join(" ");
  for (const part of one.held[0].token.split(".")) assert.ok(!all.includes(part), part);
  assert.ok(!all.includes("eyJ"));
  const [give] = spy.heard.filter((message) => message.type === "give");
  assert.deepEqual(Object.keys(give).sort(), ["box", "from", "id", "pub", "type"]);
  assert.ok(give.box instanceof ArrayBuffer && give.pub instanceof ArrayBuffer);
});

test("c140_a_token_of_another_session_is_not_taken", async () => {
  const [one, two] = [tab(), tab()];
  one.has(0, { sid: "ses_other" });
  two.has(0, { ends: clock.now() + 10_000 });
  two.tabs.ask(1, 0, clock.now() + 10_000);
  await until(() => spy.types().includes("have"));
  await quiet();
  assert.ok(!spy.types().includes("take"));
  assert.equal(two.offers().length, 0);
});

test("c140_after_a_sign_in_elsewhere_only_a_token_of_that_sign_in_is_taken", async () => {
  const [fresh, asking] = [tab(), tab()];
  asking.has(0, { sid: "ses_old", ends: clock.now() + 10_000 });
  fresh.tabs.announce("usr_2", 2, 0, 0);
  await until(() => asking.count("heard") === 1);
  asking.tabs.ask(1, 0, 0);
  for (const epoch of [null, undefined, "another sign-in", 7]) {
    for (const sid of ["ses_old", null]) spy.postMessage({ type: "have", from: "x", key: "[null,null]", ends: clock.now() + LIFE, sid, epoch });
  }
  await quiet();
  assert.ok(!spy.types().includes("take"));
  fresh.tabs.mint(1, 0);
  fresh.minted(1, 0, { sid: "ses_new", sub: "usr_2" });
  await until(() => asking.offers().length === 1);
  assert.equal(asking.held[0].token, fresh.held[0].token);
});

test("c140_a_token_sealed_before_a_sign_in_elsewhere_is_not_taken_after_it", async () => {
  const [one, asking] = [tab(), tab()];
  one.has(0, { sid: "ses_old" });
  const { decrypt } = crypto.subtle;
  let opening;
  const held = new Promise((resolve) => (opening = resolve));
  crypto.subtle.decrypt = async (...input) => {
    opening();
    await until(() => asking.count("heard") === 1);
    return decrypt.apply(crypto.subtle, input);
  };
  try {
    asking.tabs.ask(1, 0, 0);
    await held;
    one.tabs.announce("usr_2", 2, 0, 0);
    await quiet();
    assert.equal(asking.offers().length, 0);
  } finally {
    crypto.subtle.decrypt = decrypt;
  }
});

test("c140_whether_the_same_user_signed_in_is_known_from_the_token", async () => {
  const [one, same, other, nobody] = [tab(), tab(), tab(), tab()];
  same.has(0, { sub: "usr_2" });
  other.has(0, { sub: "usr_1" });
  one.tabs.announce("usr_2", 2, 0, 0);
  await until(() => [same, other, nobody].every((each) => each.count("heard") === 1));
  assert.deepEqual([same, other, nobody].map((each) => each.calls.at(-1)), [
    ["heard", 2, 0, 0, true],
    ["heard", 2, 0, 0, false],
    ["heard", 2, 0, 0, false],
  ]);
});

test("c140_that_a_session_ended_is_heard_by_its_own_tabs_only", async () => {
  const [fresh, late, same] = [tab(), tab(), tab()];
  for (const each of [fresh, late, same]) each.has(0, { sid: "ses_old" });
  fresh.tabs.announce("usr_1", 2, 0, 0);
  await until(() => [late, same].every((each) => each.count("heard") === 1));
  fresh.has(0, { sid: "ses_new" });
  // As from a tab to which the refusal of the session before comes only now.
  spy.postMessage({ type: "said", from: "x", what: 1, problem: 0, millis: 0, sid: "ses_old", epoch: null, user: "usr_1" });
  spy.postMessage({ type: "said", from: "x", what: 1, problem: 0, millis: 0, sid: null, epoch: null });
  await quiet();
  assert.deepEqual([fresh, late, same].map((each) => each.count("heard")), [0, 1, 1]);
  late.tabs.ask(1, 0, clock.now() - 1);
  await until(() => late.offers().length === 1);
  // Nor are they in the session that the fresh one is in any less than before: what it says of it counts.
  fresh.tabs.announce(undefined, 1, 0, 0);
  await until(() => [late, same].every((each) => each.count("heard") === 2));
});

test("c140_a_tab_says_of_which_session_it_heard_the_end", async () => {
  const [one, cold, two] = [tab(), tab(), tab()];
  for (const each of [one, two]) each.has(0);
  one.tabs.announce(undefined, 1, 0, 0);
  await until(() => [cold, two].every((each) => each.count("heard") === 1));
  const [said] = spy.heard;
  assert.equal(said.sid, "ses_1");
});

test("what the core announces arrives at the other cores", async () => {
  const [one, two] = [tab(), tab()];
  const said = [[0, 0, 0], [1, 0, 0], [3, 1, 500], [4, 4, 30_000], [5, 0, 0]];
  for (const what of said) one.tabs.announce(undefined, ...what);
  await until(() => two.calls.length === 5);
  assert.deepEqual(two.calls, said.map((what) => ["heard", ...what, false]));
});

test("c140_messages_of_another_shape_sign_in_key_or_request_are_ignored", async () => {
  const [one, two] = [tab(), tab()];
  one.has(0);
  // A tab that asks and takes by hand, to know what a real answer looks like.
  two.tabs.ask(1, 0, 0);
  await until(() => two.offers().length === 1);
  const [ask, have, take, give] = spy.heard;
  two.tabs.ask(2, 0, two.held[0].ends - 5_000);
  await until(() => spy.types().filter((type) => type === "give").length === 2);
  await until(() => two.offers().length === 2);
  // Not answered by anybody, so that it stays open.
  two.tabs.ask(3, 0, clock.now() + 2 * LIFE);
  await quiet();
  const before = spy.heard.length;
  const odd = [
    undefined, null, 1, "ask", [], {}, { type: {} }, { type: "constructor" }, { type: "__proto__" }, { type: 5n },
    give, { ...give, id: undefined }, { ...give, box: "x", pub: {} },
    { ...have, ends: clock.now() + 3 * LIFE, key: undefined }, { ...have, ends: 5n }, { ...have, ends: {} },
    { ...have, ends: clock.now() + 3 * LIFE, sid: "ses_2" }, { ...have, sid: "ses_2" },
    { ...take, about: undefined }, { ...take, about: "text" }, { ...take, about: {} }, { ...take, pub: new Uint8Array(65) },
    { ...take, about: { ...take.about, sid: "ses_2" } }, { ...take, about: { ...take.about, epoch: "epoch" } },
    { ...take, about: { ...take.about, key: "[\"x\",null]" } }, { ...take, to: "nobody" },
    { ...take, about: { ...take.about, after: one.held[0].ends } },
    { type: "said" }, { type: "said", what: "2", problem: 0, millis: 0 }, { type: "said", what: 0, problem: {}, millis: 5n },
    { ...ask, key: 5 }, { ...ask, after: {} }, { ...ask, after: clock.now() + 2 * LIFE, age: "long" },
  ];
  const rejected = [];
  const note = (error) => rejected.push(error);
  const earlier = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", note);
  try {
    const calls = [one, two].map((each) => each.calls.length);
    for (const message of odd) spy.postMessage(message);
    await quiet();
    assert.deepEqual(rejected, []);
    assert.deepEqual([one, two].map((each) => each.calls.length), calls);
    assert.deepEqual(spy.types().slice(before).filter((type) => type !== "ask"), []);
  } finally {
    process.off("uncaughtException", note);
    for (const listener of earlier) process.on("uncaughtException", listener);
  }
});

test("c140_a_sealed_token_opens_for_no_other_request_and_not_when_it_was_tampered_with", async () => {
  const [one, two] = [tab(), tab()];
  one.has(0);
  // Whatever the service of this origin hands over first is held back.
  const takes = [];
  const listener = channel();
  listener.onmessage = ({ data }) => data.type === "take" && takes.push(data);
  const { encrypt } = crypto.subtle;
  crypto.subtle.encrypt = async (...input) => {
    const box = new Uint8Array(await encrypt.apply(crypto.subtle, input));
    box[box.length - 1] ^= 1;
    return box.buffer;
  };
  try {
    two.tabs.ask(1, 0, 0);
    await until(() => spy.types().includes("give"));
  } finally {
    crypto.subtle.encrypt = encrypt;
  }
  // A genuine answer, but to somebody else's key and request: given the name of this one.
  const three = tab();
  three.tabs.ask(1, 0, 0);
  await until(() => three.offers().length === 1);
  const genuine = spy.heard.findLast((message) => message.type === "give");
  spy.postMessage({ ...genuine, id: takes[0].about.id });
  await quiet();
  assert.equal(two.offers().length, 0);
});

test("c140_a_message_of_another_origin_is_ignored", async () => {
  const [one, two] = [tab(), tab()];
  one.has(0);
  globalThis.origin = "https://elsewhere.example";
  two.tabs.ask(1, 0, 0);
  one.tabs.announce(undefined, 0, 0, 0);
  await quiet();
  assert.deepEqual(spy.types(), ["ask", "said"]);
  assert.equal(two.count("heard"), 0);
});

test("an answer that comes twice is taken once", async () => {
  const [one, two] = [tab(), tab()];
  one.has(0);
  two.tabs.ask(1, 0, 0);
  await until(() => two.offers().length === 1);
  spy.postMessage(spy.heard.find((message) => message.type === "give"));
  await quiet();
  assert.equal(two.offers().length, 1);
});

test("a tab that closes between its word and the hand-over leaves the ask open for the core's timer", async () => {
  const [one, two] = [tab(), tab()];
  one.has(0);
  const { generateKey } = crypto.subtle;
  crypto.subtle.generateKey = function (...input) {
    one.close();
    return generateKey.apply(this, input);
  };
  try {
    two.tabs.ask(1, 0, 0);
    await until(() => spy.types().includes("take"));
    await quiet();
  } finally {
    crypto.subtle.generateKey = generateKey;
  }
  assert.ok(!spy.types().includes("give"));
  assert.deepEqual(two.calls.at(-1), ["behind", 1]);
  two.tabs.mint(1, 0);
  two.minted(1, 0);
  assert.ok(two.held[0]);
});

test("after a sign-in no other tab's word will do for its first mint", async () => {
  const [one, two] = [tab(), tab()];
  one.has(0);
  two.tabs.mint(1, 0);
  one.tabs.mint(1, 0);
  one.minted(1, 0);
  await quiet();
  assert.ok(spy.types().includes("have"));
  assert.ok(!spy.types().includes("take"));
});

test("c136_the_lock_says_who_leads_and_the_next_one_leads_when_the_first_gives_up", async () => {
  const [one, two, three] = [tab(), tab(), tab()];
  for (const each of [one, two, three]) each.tabs.ask(1, 0, 0);
  await quiet();
  const queued = [["behind", 1]];
  assert.deepEqual([one, two, three].map((each) => each.calls), [[...queued, ["led", 1]], queued, queued]);
  two.tabs.end(1);
  one.tabs.end(1);
  await until(() => three.count("led") === 1);
  assert.equal(two.count("led"), 0, "who gave up is out of the queue");
  three.close();
  await until(() => browser.held.size === 0);
});

test("a lock outlives its mint by a second, for those who ask a moment too late, and its own tab is not kept by it", async () => {
  const [one, two] = [tab(), tab()];
  one.tabs.ask(1, 0, 0);
  await until(() => browser.held.size === 1);
  one.tabs.mint(1, 0);
  one.minted(1, 0, { ends: clock.now() + 1 });
  two.tabs.ask(1, 0, 0);
  await until(() => two.count("behind") > 0);
  one.tabs.ask(2, 0, 0);
  await quiet();
  assert.deepEqual(one.calls, [["behind", 1], ["led", 1]]);
  clock.tick(1000);
  await until(() => two.count("led") === 1);
});

test("a lock whose turn comes during a hand-over starts no mint", async () => {
  const [one, two] = [tab(), tab()];
  one.tabs.ask(1, 0, 0);
  await until(() => browser.held.size === 1);
  two.tabs.ask(1, 0, 0);
  await until(() => two.count("behind") > 0);
  // Somebody's word that nobody keeps.
  spy.postMessage({ type: "have", from: "x", key: "[null,null]", ends: clock.now() + LIFE, sid: null, epoch: null });
  await until(() => spy.types().includes("take"));
  one.close();
  await quiet();
  assert.equal(browser.held.size, 1, "it has the lock");
  assert.equal(two.count("led"), 0);
});

test("a lock of an ask that another tab's token ended is free at once", async () => {
  const [one, two] = [tab(), tab()];
  two.tabs.ask(1, 0, 0);
  await until(() => browser.held.size === 1);
  one.has(0);
  one.tabs.mint(5, 0);
  one.minted(5, 0);
  await until(() => two.offers().length === 1);
  await until(() => browser.held.size === 0);
  assert.equal(clock.pending, 0);
});

const refuse = () => Promise.reject(new DOMException("not here", "SecurityError"));
for (const [name, locks] of [
  ["missing", undefined],
  ["refused", { request: refuse }],
]) {
  test(`where locks are ${name} tokens are handed over all the same`, async () => {
    browser.locks = locks;
    const [one, two] = [tab(), tab()];
    one.tabs.ask(1, 0, 0);
    one.tabs.mint(1, 0);
    two.tabs.ask(1, 0, 0);
    await until(() => two.count("behind") > 0);
    one.minted(1, 0);
    await until(() => two.offers().length === 1);
    assert.deepEqual([one, two].map((each) => each.count("led")), locks ? [1, 1] : [0, 0], "nobody waits for it");
  });
}

test("c141_a_page_that_stands_still_hears_and_holds_nothing_and_trusts_no_earlier_sign_in", async () => {
  const [one, two] = [tab(), tab()];
  two.tabs.ask(1, 0, 0);
  await until(() => browser.held.size === 1);
  two.close();
  await until(() => browser.held.size === 0);
  one.tabs.announce("usr_2", 2, 0, 0);
  two.tabs.ask(2, 0, 0);
  await quiet();
  assert.equal(two.count("heard"), 0);
  assert.equal(browser.held.size, 0, "no lock while it is closed");
  assert.equal(two.tabs.open(), true);
  one.minted(0, 0, { sid: "ses_2", sub: "usr_2" });
  two.tabs.ask(3, 0, 0);
  await until(() => two.offers().length === 1);
});

test("c141_an_app_that_wants_no_token_handed_over_takes_and_gives_none_but_hears_of_sign_in_and_sign_out", async () => {
  const [apart, other] = [tab({ tabs: "signals" }), tab()];
  other.has(0);
  apart.tabs.ask(1, 0, 0);
  apart.tabs.mint(1, 0);
  apart.minted(1, 0);
  apart.tabs.announce(undefined, 5, 0, 0);
  other.tabs.ask(1, 0, clock.now() + LIFE - 5_000);
  await until(() => spy.heard.length === 2);
  // Not even to who asks without having been offered one.
  const about = { by: "x", id: "x", key: "[null,null]", after: 0, sid: "ses_1", epoch: null };
  const { pub } = await newPair();
  spy.postMessage({ type: "take", from: "x", to: spy.heard[0].from, about, pub });
  await quiet();
  assert.deepEqual(spy.types(), ["said", "ask"]);
  assert.deepEqual(other.calls.filter(([name]) => name !== "heard"), [["behind", 1], ["led", 1]], "of the lock only");
  other.tabs.announce(undefined, 0, 0, 0);
  await until(() => apart.count("heard") === 1);
  apart.tabs.announce("usr_1", 2, 0, 0);
  await until(() => other.count("heard") === 2);
});

test("an app that wants no other tabs is alone", () => {
  const tabs = createTabs({ ...settings, tabs: false, clock }, {});
  assert.equal(tabs.open(), false);
});

test("where there is no secure context, as on a server, or no channel, a tab is alone and nothing throws", () => {
  const { BroadcastChannel } = globalThis;
  for (const spoil of [() => (globalThis.isSecureContext = undefined), () => (globalThis.BroadcastChannel = undefined)]) {
    spoil();
    const keys = [{}];
    const held = [];
    const tabs = createTabs({ ...settings, clock }, { keys, held, core: assert.fail, idle: () => 0, offered: assert.fail });
    assert.equal(tabs.open(), false);
    held[0] = { token: tokenOf(), ends: clock.now() + LIFE };
    tabs.mint(1, 0);
    tabs.got(1, 0);
    tabs.end(1, true);
    tabs.announce("usr_1", 2, 0, 0);
    tabs.close();
    assert.deepEqual(browser.named, []);
    Object.assign(globalThis, { isSecureContext: true, BroadcastChannel });
  }
});
