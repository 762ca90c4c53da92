// A clock that stands still until it is told to move, with timers of its own: for tests.

/** Taken before a test puts something in its place. */
const { setTimeout: platformTimer } = globalThis;

/** A turn of the event loop: all that waited for nothing but promises has happened. */
export function turn() {
  return new Promise((resolve) => platformTimer(resolve));
}

/** `settled` gives a promise that everything has happened which needs no time. */
export function createVirtualClock({ now = Date.UTC(2030, 0, 1), settled = turn } = {}) {
  let wall = Number(now);
  let mono = 5_000;
  let last = 0;
  const timers = new Map();

  function move(millis) {
    mono += millis;
    wall += millis;
  }

  /** Moves to the next timer that is due by `end` and fires it, or to `end`; tells which. */
  function step(end) {
    const [due] = [...timers].filter(([, timer]) => timer.at <= end).sort(([, a], [, b]) => a.at - b.at);
    if (!due) {
      move(end - mono);
      return false;
    }
    const [id, { at, callback }] = due;
    timers.delete(id);
    move(Math.max(0, at - mono));
    callback();
    return true;
  }

  return Object.freeze({
    now: () => wall,
    monotonic: () => mono,

    setTimeout(callback, delay) {
      timers.set(++last, { at: mono + delay, callback });
      return last;
    },

    clearTimeout(timer) {
      timers.delete(timer);
    },

    async pass(millis) {
      const end = mono + millis;
      await settled();
      while (step(end)) await settled();
      await settled();
    },

    tick(millis) {
      const end = mono + millis;
      while (step(end));
    },

    jump(millis) {
      wall += millis;
    },

    get pending() {
      return timers.size;
    },
  });
}
