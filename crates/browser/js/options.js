// Reads the options. A mistake in them is a programmer's: it throws a TypeError when the manager is created.

/** @returns the settings that the other modules work with; every address in it is parsed. */
export function readOptions(options) {
  if (typeof options !== "object" || options === null) throw new TypeError("options must be an object");
  const { iam, apis = [], clientId, activity = "input", tabs = true, fetch, clock } = options;
  if (activity !== "input" && activity !== "calls") throw new TypeError('`activity` must be "input" or "calls"');
  if (!Array.isArray(apis)) throw new TypeError("`apis` must be an array");
  const base = address("iam", iam);
  if (base.search) throw new TypeError("`iam` must have no query");
  return {
    iam: base.href.replace(/\/+$/, ""),
    apis: apis.map(readApi),
    clientId,
    activity,
    tabs,
    // Looked up at each call, so that a test's or a tracer's replacement counts whenever it comes.
    fetch: fetch ? (input, init) => fetch(input, init) : (input, init) => globalThis.fetch(input, init),
    clock: clock ?? systemClock,
  };
}

function readApi(entry) {
  const { url, resource, scope } = typeof entry === "string" || entry instanceof URL ? { url: entry } : entry;
  const { origin, pathname } = address("apis", url);
  return { origin, path: pathname.replace(/\/+$/, ""), resource, scope };
}

/** An absolute https address; http only where no network is between (localhost). */
function address(option, text) {
  let url;
  try {
    url = new URL(text);
  } catch {
    throw new TypeError(`\`${option}\`: ${JSON.stringify(text)} is no absolute address`);
  }
  const local = /^(.+\.)?localhost$|^127\.0\.0\.1$|^\[::1\]$/.test(url.hostname);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && local)) {
    throw new TypeError(`\`${option}\`: ${url.href} must be https (http is for localhost only)`);
  }
  if (url.username || url.password || url.hash) {
    throw new TypeError(`\`${option}\`: the address must have no user name, password or fragment`);
  }
  return url;
}

const systemClock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (callback, delay) => setTimeout(callback, delay),
  clearTimeout: (timer) => clearTimeout(timer),
};
