import { copyFileSync } from "node:fs";
import { createRequire } from "node:module";
import { nodeResolve } from "@rollup/plugin-node-resolve";

const wasm = createRequire(import.meta.url).resolve("sessionmint/sessionmint.wasm");

export default {
  input: ["src/default.js", "src/external.js", "src/slim.js", "src/compat.js", "src/isolated.js", "src/worker.js"],
  output: { dir: "dist" },
  plugins: [
    nodeResolve({ browser: true }),
    // Rollup leaves `new URL("./sessionmint.wasm", import.meta.url)` as it is, so the file has to lie beside the script.
    { name: "copy wasm", writeBundle: ({ dir }) => copyFileSync(wasm, `${dir}/sessionmint.wasm`) },
  ],
};
