export default {
  build: { rollupOptions: { input: ["index.html", "external.html", "slim.html", "compat.html", "isolated.html"] } },
};
