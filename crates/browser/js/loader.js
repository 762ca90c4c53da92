// Loads the machine: on first use, once for all managers of the page. A load that failed is tried again next time.
import { initSync } from "./bindings.js";
import { createCore } from "./core.js";
import { TokenError } from "./errors.js";

let loading;

/**
 * `compile` gives a promise of the compiled module, `fallback` one of the script that works without WebAssembly; of several
 * loaders of a page the first counts. The result gives `createCore`.
 */
export function loader(compile, fallback) {
  return () => {
    loading ??= start(compile)
      .catch((error) => instead(explain(error), fallback))
      .catch((error) => {
        loading = undefined;
        throw error;
      });
    return loading;
  };
}

async function start(compile) {
  if (typeof WebAssembly !== "object") throw new TokenError("wasm_missing");
  initSync({ module: await compile() });
  return createCore;
}

/** Where there is no WebAssembly, or the page's policy forbids it. A module that is not where it should be is a mistake to be seen. */
async function instead(reason, fallback) {
  if (fallback && /missing|csp/.test(reason.code)) {
    try {
      return (await fallback()).load();
    } catch (cause) {
      Object.assign(reason, { cause, temporary: true });
    }
  }
  throw reason;
}

function explain(error) {
  if (error instanceof TokenError) return error;
  // Engines name the policy in different words: "Content Security Policy", "CSP", "unsafe-eval".
  const blocked = /content.security.policy|\bcsp\b|unsafe-eval/i.test(String(error?.message));
  return new TokenError(blocked ? "wasm_blocked_by_csp" : "wasm_failed", { cause: error });
}
