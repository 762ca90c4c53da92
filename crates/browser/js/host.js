// What wasm calls: the hosts of all token managers of the page, by number.

/** Number → the host: its `clock`, and a function for each action. They must not throw. */
export const hosts = new Map();

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

/** A clock, or dice: `read` in src/lib.rs says which. */
export function read(id, what) {
  const { clock } = hosts.get(id);
  return [() => clock.monotonic(), () => clock.now(), Math.random][what]();
}

export function act(id, what, ...numbers) {
  hosts.get(id)[ACTIONS[what]](...numbers);
}
