import { createTokenManager } from "sessionmint/slim";
import { show } from "../../show.js";

show(createTokenManager, { wasm: new URL("sessionmint/sessionmint.wasm", import.meta.url), fallback: () => import("sessionmint/fallback") });
