import webpack from "webpack";

const config = {
  mode: "production",
  entry: { default: "./src/default.js", external: "./src/external.js", slim: "./src/slim.js", compat: "./src/compat.js", isolated: "./src/isolated.js" },
};

webpack(config, (error, stats) => {
  if (error || stats.hasErrors()) throw error ?? new Error(stats.toString("errors-only"));
});
