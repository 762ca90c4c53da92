import { createTokenManager } from "sessionmint/slim";
import wasm from "sessionmint/sessionmint.wasm";
import { show } from "../../show.js";

show(createTokenManager, { wasm, fallback: () => import("sessionmint/fallback") });
