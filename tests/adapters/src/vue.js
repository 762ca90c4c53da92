import { createApp, version } from "vue";
import { createAuth } from "sessionmint/vue";
import App from "./App.vue";
import { stage } from "./stage.js";

stage((element, { auth, ...options }) => {
  const app = createApp(App);
  app.use(createAuth(auth, options)).mount(element);
  return () => app.unmount();
});
window.version = version;
