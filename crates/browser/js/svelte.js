// `sessionmint/svelte`: the session as a store. It keeps the contract of Svelte's readable stores as it is.
export { createSession as sessionStore } from "./session.js";
