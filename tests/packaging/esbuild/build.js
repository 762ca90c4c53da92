import { copyFileSync } from "node:fs";
import { createRequire } from "node:module";
import { build } from "esbuild";

await build({
  entryPoints: ["src/default.js", "src/external.js", "src/slim.js", "src/isolated.js", "src/worker.js"],
  bundle: true,
  minify: true,
  format: "esm",
  outdir: "dist",
  loader: { ".wasm": "file" },
});
// esbuild leaves `new URL("./sessionmint.wasm", import.meta.url)` as it is, so the file has to lie beside the script.
copyFileSync(createRequire(import.meta.url).resolve("sessionmint/sessionmint.wasm"), "dist/sessionmint.wasm");
