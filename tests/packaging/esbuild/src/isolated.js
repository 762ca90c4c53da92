import { createTokenManager } from "sessionmint/isolated";
import { showIsolated } from "../../show.js";

const worker = () => new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
showIsolated(createTokenManager, { worker });
