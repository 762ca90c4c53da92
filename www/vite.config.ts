// Build of the demo app. Everything ends in files of their own, because the page runs under a CSP without inline
// scripts, inline styles or data: connections.
import { defineConfig } from "vite";

export default defineConfig({
  build: {
    target: ["chrome123", "firefox128", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
