// `sessionmint/testing`: a real token manager on a service and a clock that a test has in hand.
import { createFakeIam } from "./fake-iam.js";
import { createTokenManager } from "./index.js";
import { createVirtualClock, turn } from "./virtual-clock.js";

export { createFakeIam } from "./fake-iam.js";
export { createVirtualClock } from "./virtual-clock.js";

/** Reading an answer takes a page some turns. */
const QUIET = 3;

let loading;

/** The wasm module is loaded once for all managers: a test need not wait for that at its first step. */
function loaded() {
  loading ??= createTokenManager({ iam: "https://api.example.com/iam", tabs: false, fetch: createFakeIam().fetch }).getToken();
  return loading;
}

export function createTestAuth({ user, passwords, tokenLifetime, sessionLifetime, idleLifetime, token, api, now, ...options } = {}) {
  /** Everything has happened that needs no time: the module is there, and no request is being answered. */
  async function settled() {
    await loaded();
    for (let quiet = 0; quiet < QUIET; quiet++) {
      await turn();
      if (iam.underWay > 0) quiet = 0;
    }
  }

  const clock = createVirtualClock({ now, settled });
  const about = { iam: options.iam, user, passwords, tokenLifetime, sessionLifetime, idleLifetime, token, api, clock };
  const iam = createFakeIam(about);
  const auth = createTokenManager({
    apis: [new URL(iam.url).origin],
    // No test moves a real mouse.
    activity: "calls",
    tabs: false,
    ...options,
    iam: iam.url,
    fetch: iam.fetch,
    clock,
  });
  const dispose = () => auth.dispose();
  return Object.freeze({ auth, iam, clock, settled, dispose, [Symbol.dispose ?? Symbol.for("Symbol.dispose")]: dispose });
}
