// The renewal machine in wasm, with its events by name.
import { on } from "./bindings.js";
import { hosts } from "./host.js";

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
  "created", // whether there may be other tabs, milliseconds since they were asked for a token of key 0
  "freed",
];

let last = 0;

/**
 * A machine that acts through `host`; with `peers` there may be other tabs to talk to, and `asked` milliseconds ago they
 * were asked for what it will ask for first (negative: they were not). The wasm module must be loaded.
 */
export function createCore(host, peers, asked) {
  const id = ++last;
  const events = {};
  EVENTS.forEach((name, kind) => (events[name] = (...numbers) => on(id, kind, ...numbers)));
  hosts.set(id, host);
  events.created(peers, asked);
  events.free = () => {
    events.freed();
    hosts.delete(id);
  };
  return events;
}
