// How long a call takes, in nanoseconds: the same code in Node and in a browser.

/** The floors: what a cached read cannot do without. */
const FLOORS = {
  "Date.now()": Date.now,
  "await of an async function that returns a constant": async () => "constant",
  "the same, with a look at the clock": async () => (Date.now() > 0 ? "constant" : ""),
};

/**
 * Measures all contestants, in turns. `contestants` maps a name to a function `setup()` that gives `{ call: function }`.
 * @returns {{ figures: object[], absent: object[] }} a figure is `{ name, call, nanoseconds, rounds }`: the median and what it is of
 */
export async function measure(contestants, { rounds, millis }) {
  const runs = Object.entries(FLOORS).map(([call, f]) => run("floor", call, f));
  const absent = [];
  for (const [name, setup] of Object.entries(contestants)) {
    try {
      const calls = await setup();
      for (const [call, f] of Object.entries(calls)) {
        const token = await f();
        if (typeof token !== "string" || token.length < 100) throw new Error(`${call} gave no token`);
        runs.push(run(name, call, f));
      }
    } catch (error) {
      absent.push({ name, why: String(error?.message ?? error).split("\n")[0] });
    }
  }
  for (const run of runs) await calibrate(run, millis);
  for (let round = 0; round < rounds; round++) {
    for (const run of runs) run.rounds.push(((await time(run)) / run.count) * 1e6);
  }
  return { figures: runs.map(({ name, call, rounds }) => ({ name, call, nanoseconds: median(rounds), rounds })), absent };
}

/** A loop of its own for each, so that no call is slowed down by what another taught the engine. */
function run(name, call, f) {
  const body = (wait) => `let x; for (let i = 0; i < n; i++) x = ${wait} f(); return x;`;
  const AsyncFunction = (async () => {}).constructor;
  const loop = f() instanceof Promise ? new AsyncFunction("f", "n", body("await")) : new Function("f", "n", body(""));
  return { name, call, f, loop, count: 1, rounds: [] };
}

async function calibrate(run, millis) {
  for (;;) {
    const taken = await time(run);
    if (taken >= millis) return;
    run.count = Math.ceil(run.count * Math.min(10, (1.2 * millis) / Math.max(taken, 0.05)));
  }
}

async function time({ loop, f, count }) {
  const start = performance.now();
  await loop(f, count);
  return performance.now() - start;
}

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
