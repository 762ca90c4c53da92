import { createTokenManager } from "sessionmint/isolated";
import { showIsolated } from "/show.js";

showIsolated(createTokenManager);
