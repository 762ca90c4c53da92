import { mount, unmount } from "svelte";
import App from "./App.svelte";
import { stage } from "./stage.js";

stage((element, options) => {
  const app = mount(App, { target: element, props: { options } });
  return () => unmount(app);
});
// Svelte says itself which one it is.
window.version = [...window.__svelte.v].join();
