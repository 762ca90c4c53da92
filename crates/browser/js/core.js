// The renewal machine in wasm, with its events by name.
import { Core } from "./bindings.js";

/** The order is that of `event` in src/lib.rs. A time that is not known is negative; everything else is a number or a boolean. */
const EVENTS = [
  "want", // waiter, key
  "rejected", // waiter, key, seq: a service answered 401 to the token of mint `seq`
  "abandon", // waiter
  "served", // key: from the glue's own cache, for the first time since it was minted
  "minted", // seq, seconds that the token lives, seconds to the end of the session
  "refused", // seq, status, login_required, milliseconds of Retry-After
  "unreachable", // seq, whether the service is there but refuses this origin
  "tick", // the timer fired
  "input", // the user did something
  "returned", // the page is looked at again
  "suspended", // the page stands still from now on
  "online", // the network is back
  "loggedIn", // waiter, key
  "loggedOut",
  "dispose",
  "led", // seq: this tab has the lock of what it asks for
  "behind", // seq: another tab mints it
  "offered", // seq, end by the wall clock, milliseconds that it lives in all, end of the session by the wall clock
  "peerInput", // milliseconds since
  "heard", // what another tab announced, problem, milliseconds, whether the user who signed in is the same
];

/** The order is that of `encode` in src/lib.rs. */
const ACTIONS = [
  "mint", // seq, key, seconds since the last input
  "ask", // seq, key, the wall clock that the token must outlast
  "cancel", // seq
  "hold", // key, seq, end, wall clock up to which it is served without asking, end of the session
  "drop", // key
  "answer", // waiter, key
  "fail", // waiter, problem, milliseconds to the next try
  "tell", // notice, a key, a problem, a reason or a number of seconds, a cause or milliseconds
  "announce", // what, problem, milliseconds
  "timer", // milliseconds; 0 for none
];

/** A machine that acts through `host`; with `peers` there may be other tabs to talk to. The wasm module must be loaded. */
export function createCore(host, peers) {
  const { clock } = host;
  const readings = [() => clock.monotonic(), () => clock.now(), Math.random];
  const core = new Core({ read: (what) => readings[what](), act: (what, ...numbers) => host[ACTIONS[what]](...numbers) }, peers);
  const events = { free: () => core.free() };
  EVENTS.forEach((name, kind) => (events[name] = (a, b, c, d) => core.on(kind, a, b, c, d)));
  return events;
}
