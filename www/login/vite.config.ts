// Build of the pages where users of other apps sign in: a site of its own, without a line of the demo app's code.
import { defineConfig } from "vite";

export default defineConfig({
  publicDir: "../public",
  build: {
    target: ["chrome123", "firefox128", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
