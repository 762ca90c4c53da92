import { createTokenManager } from "sessionmint/slim";
import { show } from "/show.js";

show(createTokenManager, { wasm: "/node_modules/sessionmint/sessionmint.wasm", fallback: () => import("sessionmint/fallback") });
