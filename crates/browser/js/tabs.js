// The other tabs of the origin: asked for a token before one is minted, told of sign-in, sign-out and trouble.
//
// A tab that asks hears who has a token (`have`), takes it from the first (`take`, with a public key made for this one
// hand-over) and gets it sealed (`give`). Nothing else on the channel comes out of a token but the id of its session.
// Web Locks only say early who mints: whatever becomes of them, the core's timers decide.
import { newPair, open, seal } from "./seal.js";

/** What the core calls the end of a session and a sign-in (`announcement_code` in src/lib.rs); lower is a sign-out. */
const NO_SESSION = 1;
const SIGNED_IN = 2;
/** Milliseconds for which a lock outlives its mint: who asks a moment too late follows instead of minting. */
const GRACE = 1000;
/** The number that the core gives what it asks for first. */
const FIRST = 1;
/** Milliseconds that a token must last longer than what the other tab has, and than now, to be worth the hand-over. */
const WORTH = 1000;

/**
 * Nothing happens before `open()`.
 * @param {object} local this tab: `keys` and `held` by key, `core()`, `idle()` in milliseconds,
 * `offered(seq, offer)` for another tab's token
 */
export function createTabs({ iam, clientId = "", clock, tabs = true }, { keys, held, core, idle, offered }) {
  // With the version of the messages: tabs that speak another one are on another channel.
  const name = `sessionmint1:${iam}#${clientId}`;
  /** Whether tokens are handed over; else it is only said who signs in and out. */
  const share = tabs === true;
  /**
   * Seq → what is asked for or minted: `{ key, after, minting, leave, taking }`. Without an `after` it was never asked
   * for, and no other tab's token will do. With `since` it was asked for then, and the core does not know yet: what comes
   * of it is kept in `offer`.
   */
  const flights = new Map();
  /** Key → how to release the lock that this tab has. */
  const locks = [];

  let channel;
  let me;
  /** The session, as far as it is known: a random name of the sign-in, and from the last token its id and user. */
  let epoch = null;
  let sid = null;
  let user;

  const post = (type, more) => channel?.postMessage({ type, from: me, ...more });

  /** What a key is called among the tabs. */
  const label = (key) => JSON.stringify([keys[key].resource, keys[key].scope]);
  const find = (named) => (share ? keys.findIndex((_, key) => label(key) === named) : -1);
  /** The flights of a key: `[seq, flight]` each. */
  const of = (named) => [...flights].filter(([, flight]) => label(flight.key) === named);

  const minting = (key) => post("minting", { key: label(key) });
  const have = (key) => post("have", { key: label(key), ends: held[key].ends, sid, epoch });

  /** Whether what another tab has is of this tab's session, as far as this tab knows it. */
  const ours = (from) => (sid ? from.sid === sid : !epoch || from.epoch === epoch);

  const release = (key) => {
    locks[key]?.();
    locks[key] = undefined;
  };

  function start(seq, key, after) {
    const flight = { key, after, leave: new AbortController() };
    flights.set(seq, flight);
    queue(seq, flight);
    return flight;
  }

  /**
   * Asks for the lock of the flight's key, unless this tab has it still. Until it is granted, somebody else may be minting.
   * `ifAvailable` would tell at once, but a refusal by it keeps a page out of Firefox's back/forward cache for ever.
   */
  async function queue(seq, flight) {
    const { key, leave } = flight;
    const lockManager = locksHere();
    if (locks[key] || !lockManager) return;
    const live = () => flights.get(seq) === flight;
    // While somebody's word is out to hand a token over, nothing is to be minted.
    const led = () => live() && !flight.taking && core().led(seq);
    // The core is on the stack.
    await undefined;
    if (!live()) return;
    core().behind(seq);
    const granted = () => {
      led();
      return live() && new Promise((done) => (locks[key] = done));
    };
    lockManager.request(name + label(key), { signal: leave.signal }, granted).catch(led);
  }

  /** Ends an ask or a mint; the lock stays for a moment after a mint that was answered. */
  function end(seq, answered) {
    const flight = flights.get(seq);
    if (!flight) return;
    const { key, minting, leave } = flight;
    flights.delete(seq);
    leave.abort();
    if (answered && minting && locks[key]) clock.setTimeout(() => release(key), GRACE);
    else release(key);
  }

  /** What is heard, by type. What is not worth an answer gets none. */
  const hear = {
    __proto__: null,

    ask(message) {
      const { after, age } = message;
      if (age < Infinity) core().peerInput(age);
      const key = find(message.key);
      if (held[key]?.ends - WORTH > after) have(key);
      else if (of(message.key).some(([, flight]) => flight.minting)) minting(key);
    },

    minting(message) {
      for (const [seq] of of(message.key)) core()?.behind(seq);
    },

    have(message) {
      for (const [seq, flight] of of(message.key)) {
        const worth = message.ends > Math.max(flight.after, clock.now()) + WORTH;
        if (flight.taking || !worth || !ours(message)) continue;
        core()?.behind(seq);
        take(flight, message);
      }
    },

    async take({ to, about, pub }) {
      const { token, scope, ends, life, sessionEnds } = held[find(about.key)];
      if (to !== me || ends <= about.after || about.sid !== sid || about.epoch !== epoch) return;
      post("give", { id: about.id, ...(await seal(pub, [name, about], { token, scope, ends, life, sessionEnds })) });
    },

    async give(message) {
      for (const [seq, { taking, privateKey }] of flights) {
        if (taking?.id !== message.id) continue;
        const offer = await open(privateKey, [name, taking], message);
        // Opening took a moment, in which the session may have changed.
        const good = typeof offer.token === "string" && claims(offer.token).sid === taking.sid && ours(taking);
        const flight = flights.get(seq);
        if (!good || flight?.taking !== taking) continue;
        offer.epoch = taking.epoch;
        if (flight.since === undefined) offered(seq, offer);
        else flight.offer = offer;
      }
    },

    said(message) {
      const { what, problem, millis, next } = message;
      if (![what, problem, millis].every(Number.isFinite)) return;
      // Of the session before, told late: it says nothing about this one.
      if (what === NO_SESSION && !ours(message)) return;
      const same = user !== undefined && user === message.user;
      if (what <= SIGNED_IN) turn(next, message.user);
      if (!core()) return end(FIRST);
      core().heard(what, problem, millis, same);
    },
  };

  async function take(flight, { from, sid, epoch }) {
    const about = (flight.taking = { by: me, id: crypto.randomUUID(), key: label(flight.key), after: flight.after, sid, epoch });
    const { privateKey, pub } = await newPair();
    flight.privateKey = privateKey;
    post("take", { to: from, about, pub });
  }

  /** Another session, or none, begins. */
  function turn(named, who) {
    epoch = named;
    sid = null;
    user = who;
  }

  return {
    /** Whether there may be others from now on. */
    open() {
      // Where a process may serve several users (a server) nothing calls itself a secure context.
      if (!tabs || !globalThis.isSecureContext) return false;
      if (channel) return true;
      try {
        channel = new BroadcastChannel(name);
      } catch {
        return false;
      }
      me = crypto.randomUUID();
      channel.onmessage = async ({ data, origin }) => {
        try {
          if (origin === globalThis.origin) await hear[data.type]?.(data);
        } catch {
          // Not one of ours: any script of the origin may say anything here.
        }
      };
      return true;
    },

    /** Nothing is held or heard any more; when it opens again, what was known of the session may be wrong. */
    close() {
      channel?.close();
      channel = undefined;
      for (const seq of flights.keys()) end(seq);
      locks.forEach((_, key) => release(key));
      turn(null, user);
    },

    /** What the core will ask for first, if it is to be the token of key 0: the others can answer while it loads. */
    askEarly() {
      if (!channel || !share) return;
      flights.set(FIRST, { key: 0, after: 0, leave: new AbortController(), since: clock.monotonic() });
      post("ask", { key: label(0), after: 0, age: 0 });
    },

    /** How many milliseconds ago `askEarly()` was; negative for never. */
    asked() {
      const flight = flights.get(FIRST);
      return flight ? clock.monotonic() - flight.since : -1;
    },

    ask(seq, key, after) {
      if (!channel || !share) return;
      const early = flights.get(seq);
      if (early?.key !== key) {
        start(seq, key, after);
        post("ask", { key: label(key), after, age: idle() });
        return;
      }
      early.since = undefined;
      queue(seq, early);
      // Later, since the core is on the stack.
      queueMicrotask(() => {
        if (flights.get(seq) !== early) return;
        if (early.offer) offered(seq, early.offer);
        else if (early.taking) core().behind(seq);
      });
    },

    mint(seq, key) {
      if (!channel || !share) return;
      (flights.get(seq) ?? start(seq, key)).minting = true;
      minting(key);
    },

    end,

    /** The token of a key is another: from the mint `seq`, or, offered for it, from the epoch `from`. */
    got(seq, key, from = null) {
      const now = claims(held[key].token);
      // Another session than the one that this tab knew is not from that sign-in.
      epoch = (sid && sid !== now.sid ? null : epoch) ?? from;
      ({ sid, user = user } = now);
      if (flights.get(seq)?.minting) have(key);
      end(seq, true);
    },

    /** Hands what the core says to the other tabs' cores; `entering` is who signs in. */
    announce(entering, what, problem, millis) {
      const next = what === SIGNED_IN ? crypto.randomUUID() : null;
      post("said", { what, problem, millis, sid, epoch, next, user: entering });
      if (what <= SIGNED_IN) turn(next, entering);
    },
  };
}

/** None in a worker: it hears too late that its page is left, and would keep that out of Firefox's back/forward cache. */
function locksHere() {
  return globalThis.WorkerGlobalScope ? undefined : navigator.locks;
}

/** Session and user of a token, as far as it can be read. */
function claims(token) {
  try {
    const { sid = null, sub } = JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
    return { sid, user: sub };
  } catch {
    return { sid: null };
  }
}
