// Renders every app on a server, where nobody is known and nothing may be asked. Prints what came of it, and ends by itself.
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { createTokenManager } from "sessionmint";
import { AuthProvider } from "sessionmint/react";
import { createAuth } from "sessionmint/vue";
import { render } from "svelte/server";
import { createSSRApp } from "vue";
import { renderToString as renderVue } from "vue/server-renderer";
import SvelteApp from "./App.svelte";
import VueApp from "./App.vue";
import { Page } from "./Page.jsx";

let requests = 0;
const fetch = async () => {
  requests++;
  throw new Error("a server asks nothing");
};
const auth = createTokenManager({ iam: "https://api.example.com/iam", fetch });
const loadUser = async () => ({ id: "usr_1", username: "alice" });

const pages = {
  react: renderToString(createElement(AuthProvider, { auth, loadUser }, createElement(Page))),
  vue: await renderVue(createSSRApp(VueApp).use(createAuth(auth, { loadUser }))),
  svelte: render(SvelteApp, { props: { options: { auth, loadUser } } }).body,
};
const texts = Object.entries(pages).map(([name, html]) => [name, html.replace(/<[^>]*>/g, "").trim()]);
console.log(JSON.stringify({ ...Object.fromEntries(texts), requests, state: auth.state }));
