import { createTokenManager } from "sessionmint/compat";
import { show } from "../../show.js";

show(createTokenManager);
