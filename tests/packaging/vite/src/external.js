import { createTokenManager } from "sessionmint/external";
import { show } from "../../show.js";

show(createTokenManager);
