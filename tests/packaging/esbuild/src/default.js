import { createTokenManager } from "sessionmint";
import { show } from "../../show.js";

show(createTokenManager);
