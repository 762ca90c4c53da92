// A bare page with the npm package, the real service behind the recording proxy on the API's port, and a browser.
import { launch } from "./browser.mjs";
import { origin } from "./engine.mjs";
import { startPages } from "./pages.mjs";
import { freePort } from "./ports.mjs";
import { startProxy } from "./proxy.mjs";
import { startIam } from "./stack.mjs";

export const TOKEN = "/iam/oauth/token";

/** Starts all of it. `answer` is the API (see `startProxy`), `client` more words for `client add`. */
export async function startBare({ answer, client } = {}) {
  const running = [];
  const started = async (starting, end = "stop") => {
    const one = await starting;
    running.unshift(() => one[end]());
    return one;
  };
  const stop = async () => {
    for (const end of running.splice(0)) await end();
  };
  try {
    const apiPort = await freePort();
    const pages = await started(startPages());
    const [ui, api] = [pages.origin, origin("api", apiPort)];
    const iam = await started(startIam({ issuer: `${api}/iam`, origin: ui, resource: api, client }));
    const proxy = await started(startProxy({ upstream: iam.url, port: apiPort, answer }));
    const browser = await started(launch(), "close");
    return { pages, ui, api, iam, proxy, browser, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * Leaves a page with a manager `auth` by a link, and comes back by the browser's button; says whether the cache kept the
 * page, and whether it had a token then.
 */
export async function leaveAndComeBack(page, meanwhile) {
  await page.evaluate(() => {
    window.addEventListener("pageshow", ({ persisted }) => {
      window.back = { persisted, token: window.auth.peek?.() !== undefined };
    });
    // Not before the driver has heard the end of this: WebKit's would wait for ever.
    setTimeout(() => (location.href = "/elsewhere"), 100);
  });
  await page.until(() => location.pathname === "/elsewhere" && document.readyState === "complete");
  await meanwhile();
  await page.evaluate(() => void setTimeout(() => history.back(), 100));
  await page.until(() => window.back !== undefined);
  return page.evaluate(() => window.back);
}

/** Waits for something that another process does. */
export async function waitFor(condition) {
  const end = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`it did not happen within 10 s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Signs in, in a page. */
export async function login({ api, user, password }) {
  const { createTokenManager } = await import("/pkg/index.js");
  const auth = createTokenManager({ iam: `${api}/iam`, apis: [api] });
  await auth.login({ username: user, password });
  auth.dispose();
}

/** The fields that let the page of this request read the answer. */
export function cors(request) {
  return {
    "access-control-allow-origin": request.headers.origin ?? "*",
    "access-control-allow-credentials": "true",
    "access-control-allow-headers": "authorization, content-type",
    "access-control-expose-headers": "retry-after",
    vary: "origin",
  };
}
