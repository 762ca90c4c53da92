import { svelte } from "@sveltejs/vite-plugin-svelte";
import vue from "@vitejs/plugin-vue";

/** React 18 is installed beside React 19; with `--mode react18` it takes its place everywhere, in the package as well. */
const react18 = { find: /^(react(?:-dom)?)(?=\/|$)/, replacement: `${import.meta.dirname}/react18/node_modules/$1` };

const BUILDS = {
  pages: { rollupOptions: { input: ["react.html", "vue.html", "svelte.html", "angular.html", "axios.html"] } },
  react18: { rollupOptions: { input: ["react.html"] } },
  ssr: { ssr: "src/ssr.jsx" },
};

export default ({ mode }) => ({
  plugins: [vue(), svelte()],
  resolve: { alias: mode === "react18" ? [react18] : [] },
  build: { outDir: `dist/${mode}`, ...BUILDS[mode] },
  // The frameworks as they are while an app is written: strict mode does everything twice, and mistakes are told.
  define: mode === "ssr" ? {} : { "process.env.NODE_ENV": '"development"' },
});
