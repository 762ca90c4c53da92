import { createTokenManager } from "sessionmint/slim";
import { show } from "../../show.js";

// Copied there by rollup.config.js.
show(createTokenManager, { wasm: () => fetch(new URL("./sessionmint.wasm", import.meta.url)), fallback: () => import("sessionmint/fallback") });
